0 s Pending
    looks at [catalog, template]
    AddFinalizer
    Accepted=Unknown NotReached 
    ClustersReady=Unknown NotReached 
    ComponentsReady=Unknown NotReached 
    WorkflowSucceeded=Unknown NotReached 
    ResultsStored=Unknown NotReached 
    Published=Unknown NotReached 
    CleanedUp=Unknown NotReached 
    Succeeded=Unknown NotReached 
3 s Provisioning, looks again at 86400 s
    Accepted=True SourcesPinned 4 components pinned
    ClustersReady=False NotReached starts once the pins are recorded
6 s Provisioning, looks again at 243 s
    looks at []
    apply ExperimentCluster tsdb-x7k2q-left-5d5nn6xe [2a9ab345bca38579]
    apply ExperimentCluster tsdb-x7k2q-right-72fpjevj [fa1527306805210c]
    ClustersReady=False ClusterCreating left: a cluster is being made
    left is Creating
    right is Creating
9 s Provisioning, looks again at 243 s
    ClustersReady=False ClusterCreating left: cluster tsdb-x7k2q-left-5d5nn6xe: its nodes start
12 s Provisioning, looks again at 86400 s
    ClustersReady=True ClusterReady 
    ComponentsReady=False NotReached starts once the pins and the clusters are recorded
    left is Ready
    right is Ready
15 s Provisioning, looks again at 1212 s
    looks at [deployed]
    apply AppProject tsdb-x7k2q-q14876sn [2e7b8e8f233c90ac]
    Register { target: "left", name: "tsdb-x7k2q-left-5d5nn6xe" }
    apply Namespace tsdb-x7k2q-left-z1517p2w [e6632598b2e4aa46] in left
    GrantWrite { target: "left" }
    ShowKubeconfig { target: "left", name: "tsdb-x7k2q-left-akcs2a1a" }
    apply Application tsdb-x7k2q-left-metrics-agent-nckbxcrn [5db51a3654d20247]
    apply Application tsdb-x7k2q-left-metrics-app-7twgse32 [9337c8ae3c318331]
    ComponentsReady=False ComponentDeploying left/metrics-agent: is being deployed
18 s Provisioning, looks again at 1212 s
    apply Service metrics-app-w9s1mnv1 [97df7162fd316fe5] in left
    ComponentsReady=False ComponentDeploying left/metrics-agent: Progressing, Synced
21 s Provisioning, looks again at 1212 s
    ComponentsReady=False WaitingForDependency right: waits for target left
24 s Provisioning, looks again at 1212 s
    Register { target: "right", name: "tsdb-x7k2q-right-72fpjevj" }
    apply Namespace tsdb-x7k2q-right-j51462ac [53916b32426523bd] in right
    GrantWrite { target: "right" }
    ShowKubeconfig { target: "right", name: "tsdb-x7k2q-right-ff2ax8sj" }
    apply Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w [a83c84b4f95e0a54]
    apply Application tsdb-x7k2q-right-store-kfzrp5ag [9adecb81e6f92ab6]
    ComponentsReady=False ComponentDeploying right/metrics-agent: is being deployed
27 s Provisioning, looks again at 1212 s
    apply Service store-1bjqybkc [7f5d1428b87cc266] in right
    ComponentsReady=False ComponentDeploying right/metrics-agent: Progressing, Synced
30 s Ready, looks again at 86400 s
    ComponentsReady=True Done 
    WorkflowSucceeded=False NotReached starts once readiness is recorded
33 s Running, looks again at 86400 s
    looks at [template, workflows]
    WorkflowSucceeded=False TrialPreparing trial b01-1-right is being prepared
36 s Running, looks again at 66 s
    DeleteIn { target: "right", object: ObjectRef { kind: Pod, namespace: Some("tsdb-x7k2q-right-j51462ac"), name: "pod-uid-18", uid: "uid-18" } }
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
39 s Running, looks again at 66 s
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: 0 of 1 pods of app=store in target right ready
42 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: the subject is ready
45 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 [901e84ac6f36cfb4]
    WorkflowSucceeded=False TrialRunning trial b01-1-right is submitted (0 of 10 trials are over)
48 s Running, looks again at 108 s
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over (0 of 10 trials are over)
51 s Running, looks again at 108 s
    measure b01-1-right: 
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over, and its samples are being read (0 of 10 trials are over)
54 s Failed, looks again at 108 s
    WorkflowSucceeded=False TargetLost left: its cluster has ended: its nodes start
    Succeeded=False TargetLost left: its cluster has ended: its nodes start
57 s Failed, looks again at 654 s
    looks at [template, deployed, workflows, left]
    collect beside 1 records: 
    ResultsStored=True Done stored
60 s Failed, looks again at 75 s
    delete Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 (uid-21)
    delete Secret tsdb-x7k2q-left-5d5nn6xe (uid-6)
    delete Application tsdb-x7k2q-left-metrics-agent-nckbxcrn (uid-9)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-10)
    delete Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w (uid-16)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-17)
    Published=False Skipped 
    CleanedUp=False TearingDown workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 is being removed
63 s Failed, looks again at 78 s
    Refresh(ObjectRef { kind: Application, namespace: Some("argocd"), name: "tsdb-x7k2q-left-metrics-agent-nckbxcrn", uid: "uid-9" })
    Refresh(ObjectRef { kind: Application, namespace: Some("argocd"), name: "tsdb-x7k2q-left-metrics-app-7twgse32", uid: "uid-10" })
    delete Secret tsdb-x7k2q-right-72fpjevj (uid-13)
    delete Cluster tsdb-x7k2q-right-72fpjevj (uid-4)
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-agent-nckbxcrn is being removed
    right is Deleting
66 s Failed, looks again at 81 s
    delete Project tsdb-x7k2q-q14876sn (uid-5)
    delete Cluster tsdb-x7k2q-left-5d5nn6xe (uid-2)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
    left is Deleting
69 s Failed, looks again at 84 s
    CleanedUp=False TearingDown 2 resources of clusters are being removed, such as v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
72 s Failed, looks again at 87 s
    CleanedUp=False TearingDown v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig, of which a cluster was made, is being removed
75 s Failed, looks again at 90 s
    delete Secret tsdb-x7k2q-left-akcs2a1a (uid-8)
    delete Secret tsdb-x7k2q-right-ff2ax8sj (uid-15)
    CleanedUp=False TearingDown secret tsdb-x7k2q-left-akcs2a1a is being removed
78 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-agent-nckbxcrn, Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-metrics-agent-qj5sfe4w, Application tsdb-x7k2q-right-store-kfzrp5ag, ExperimentCluster tsdb-x7k2q-left-5d5nn6xe, ExperimentCluster tsdb-x7k2q-right-72fpjevj, Project tsdb-x7k2q-q14876sn, Secret cluster-tsdb-x7k2q-left-5d5nn6xe, Secret cluster-tsdb-x7k2q-right-72fpjevj, Secret tsdb-x7k2q-left-akcs2a1a, Secret tsdb-x7k2q-right-ff2ax8sj, Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3, resource of a cluster v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0, resource of a cluster v1/Pod/tsdb-x7k2q-right-72fpjevj-0, resource of a cluster v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig, resource of a cluster v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Failed
observedGeneration: 1
targets:
- name: left
  phase: Deleting
  namespace: tsdb-x7k2q-left-z1517p2w
  namespaces:
  - tsdb-x7k2q-left-z1517p2w
  registration: cluster-tsdb-x7k2q-left-5d5nn6xe
  clusterName: tsdb-x7k2q-left-5d5nn6xe
  endpoint: https://tsdb-x7k2q-left-5d5nn6xe
  kubeconfigSecret: tsdb-x7k2q-left-5d5nn6xe-kubeconfig
  clusterId: id-of-uid-2
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:06Z"
  clusterGoneAt: "2026-01-01T00:01:15Z"
  silentSince: "2026-01-01T00:00:48Z"
  resources:
  - v1/Pod/tsdb-x7k2q-left-5d5nn6xe-0
  - v1/Secret/tsdb-x7k2q-left-5d5nn6xe-kubeconfig
  components:
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-left-5d5nn6xe
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://10.96.0.53:8080/api/v1/write
      target: left
      variant: left
    injected: true
    application: tsdb-x7k2q-left-metrics-agent-nckbxcrn
    health: Healthy
    sync: Synced
  - name: metrics-app
    sources:
    - repoURL: oci://registry/components/metrics-app
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      series: 10
    endpoint:
      service: metrics-app
      port: 8080
      scheme: http
    address: 10.88.0.9:30080
    application: tsdb-x7k2q-left-metrics-app-7twgse32
    health: Healthy
    sync: Synced
- name: right
  phase: Deleting
  namespace: tsdb-x7k2q-right-j51462ac
  namespaces:
  - tsdb-x7k2q-right-j51462ac
  registration: cluster-tsdb-x7k2q-right-72fpjevj
  clusterName: tsdb-x7k2q-right-72fpjevj
  endpoint: https://tsdb-x7k2q-right-72fpjevj
  kubeconfigSecret: tsdb-x7k2q-right-72fpjevj-kubeconfig
  clusterId: id-of-uid-4
  clusterCreatedAt: "2026-01-01T00:00:06Z"
  clusterReleasedAt: "2026-01-01T00:01:03Z"
  clusterGoneAt: "2026-01-01T00:01:15Z"
  resources:
  - v1/Pod/tsdb-x7k2q-right-72fpjevj-0
  - v1/Secret/tsdb-x7k2q-right-72fpjevj-kubeconfig
  components:
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-right-72fpjevj
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://10.96.0.53:8080/api/v1/write
      target: right
      variant: right
    injected: true
    application: tsdb-x7k2q-right-metrics-agent-qj5sfe4w
    health: Healthy
    sync: Synced
  - name: store
    sources:
    - repoURL: oci://registry/components/store
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      target: ${targets.left.metrics-app.address}
    endpoint:
      service: store
      port: 8080
      scheme: http
    address: 10.88.0.9:30080
    application: tsdb-x7k2q-right-store-kfzrp5ag
    health: Healthy
    sync: Synced
template:
  name: compare
  uid: template-uid
  generation: 3
  sha256: 0a811516d1820c153ac856146d886983be6ad2edbf07ec72df96b45638356dc1
project: tsdb-x7k2q-q14876sn
workflowStatus:
  name: b01-1-right
  phase: Running
  startedAt: "2026-01-01T00:00:33Z"
trials:
  seed: 7
  plannedBlockCount: 3
  validCount: 0
  voidCount: 1
  begun:
  - trial: b01-1-right
    block: 1
    position: 1
    variant: right
    begunAt: "2026-01-01T00:00:33.000000Z"
    workflowUid: uid-21
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-1-right.json
      sha256: "00"
    void: "target left was lost: its cluster has ended: its nodes start"
failure:
  stage: WorkflowSucceeded
  reason: TargetLost
  message: "left: its cluster has ended: its nodes start"
cost:
  currency: USD
  hourlyUsd: 0.0
  estimateUsd: 0.0
  atMostUsd: 0.0
results:
  bucket: results
  key: runs/11111111-2222-3333-4444-555555555555/summary.json
  sha256: "00"
  size: 1
resultsURL: s3://results
completedAt: "2026-01-01T00:00:54Z"
teardownBeganAt: "2026-01-01T00:01:00Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:01:18.000000Z"
  ClustersReady: "2026-01-01T00:00:12.000000Z"
  ComponentsReady: "2026-01-01T00:00:30.000000Z"
  ResultsStored: "2026-01-01T00:00:57.000000Z"
tutorialStatus:
  kubeconfigSecrets:
    left: tsdb-x7k2q-left-akcs2a1a
    right: tsdb-x7k2q-right-ff2ax8sj
