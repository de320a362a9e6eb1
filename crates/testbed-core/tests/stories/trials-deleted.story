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
    Accepted=True SourcesPinned 2 components pinned
    ClustersReady=True ClusterReady 
    ComponentsReady=False NotReached starts once the pins and the clusters are recorded
6 s Provisioning, looks again at 1203 s
    looks at [deployed]
    apply AppProject tsdb-x7k2q-q14876sn [e130f7273e447bf5]
    apply Namespace tsdb-x7k2q-left-z1517p2w [e6632598b2e4aa46]
    apply Application tsdb-x7k2q-left-metrics-app-7twgse32 [7dd62abfdc8a61d0]
    ComponentsReady=False ComponentDeploying left/metrics-app: is being deployed
9 s Provisioning, looks again at 1203 s
    ComponentsReady=False ComponentDeploying left/metrics-app: Progressing, Synced
12 s Provisioning, looks again at 1203 s
    apply Namespace tsdb-x7k2q-right-j51462ac [53916b32426523bd]
    apply Application tsdb-x7k2q-right-store-kfzrp5ag [e7283c3c983dff8a]
    ComponentsReady=False ComponentDeploying right/store: is being deployed
15 s Provisioning, looks again at 1203 s
    ComponentsReady=False ComponentDeploying right/store: Progressing, Synced
18 s Ready, looks again at 86400 s
    ComponentsReady=True Done 
    WorkflowSucceeded=False NotReached starts once readiness is recorded
21 s Running, looks again at 86400 s
    looks at [template, workflows]
    WorkflowSucceeded=False TrialPreparing trial b01-1-right is being prepared
24 s Running, looks again at 54 s
    delete Pod pod-uid-7 (uid-7)
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
27 s Running, looks again at 54 s
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: 0 of 1 pods of app=store in target right ready
30 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: the subject is ready
33 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 [2ef387bf6ff50823]
    WorkflowSucceeded=False TrialRunning trial b01-1-right is submitted (0 of 10 trials are over)
36 s Running, looks again at 351 s
    WorkflowSucceeded=False TrialRunning trial b01-1-right is running (0 of 10 trials are over)
39 s Running
    looks at [template, deployed, workflows, left]
    delete Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 (uid-9)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-6)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-5)
    WorkflowSucceeded=False Deleted 
    ResultsStored=False Deleted 
    Published=False Deleted 
    CleanedUp=False TearingDown workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 is being removed
42 s Running, looks again at 57 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
45 s Running
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn, Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3
    CleanedUp=True NothingLeft nothing is left of the run
48 s Running
    RemoveFinalizer

The status at last:
phase: Running
observedGeneration: 1
targets:
- name: left
  phase: Ready
  namespace: tsdb-x7k2q-left-z1517p2w
  namespaces:
  - tsdb-x7k2q-left-z1517p2w
  clusterName: hub
  components:
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
    application: tsdb-x7k2q-left-metrics-app-7twgse32
    health: Healthy
    sync: Synced
- name: right
  phase: Ready
  namespace: tsdb-x7k2q-right-j51462ac
  namespaces:
  - tsdb-x7k2q-right-j51462ac
  clusterName: hub
  components:
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
  startedAt: "2026-01-01T00:00:21Z"
trials:
  seed: 7
  plannedBlockCount: 3
  validCount: 0
  voidCount: 0
  begun:
  - trial: b01-1-right
    block: 1
    position: 1
    variant: right
    begunAt: "2026-01-01T00:00:21.000000Z"
    doomed:
    - uid-7
    before:
    - name: pod-uid-8
      uid: uid-8
      labels:
        app: store
      ready: true
      restarts: 0
    workflowUid: uid-9
cost:
  currency: USD
  hourlyUsd: 0.0
  estimateUsd: 0.0
  atMostUsd: 0.0
teardownBeganAt: "2026-01-01T00:00:39Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:00:45.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
