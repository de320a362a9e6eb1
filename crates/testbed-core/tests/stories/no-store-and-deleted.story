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
39 s Running, looks again at 44 s
    WorkflowSucceeded=False SamplesSettling trial b01-1-right is over, and its last samples are still arriving (0 of 10 trials are over)
45 s Running, looks again at 339 s
    measure b01-1-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over, and its samples are being read (0 of 10 trials are over)
48 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 (uid-9)
    WorkflowSucceeded=False TrialPreparing trial b01-2-left is being prepared
51 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left: the subject is ready
86400 s Running
    looks at [template, deployed, workflows, left]
    collect for the last time beside 1 records: 
    WorkflowSucceeded=False Deleted 
    ResultsStored=False LastAttempt the deadline has passed: one last attempt to store the result is made
86403 s Failed
    ResultsStored=False ResultsLost the result could not be stored within the deadline
    Succeeded=False ResultsLost the result could not be stored within the deadline
86406 s Failed
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-6)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-5)
    Published=False Deleted 
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-app-7twgse32 is being removed
86409 s Failed, looks again at 86424 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
86412 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn, Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3
    CleanedUp=True NothingLeft nothing is left of the run
86415 s Failed
    RemoveFinalizer

The status at last:
phase: Failed
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
  name: b01-2-left
  phase: Running
  startedAt: "2026-01-01T00:00:21Z"
trials:
  seed: 7
  plannedBlockCount: 3
  validCount: 1
  voidCount: 0
  begun:
  - trial: b01-1-right
    block: 1
    position: 1
    variant: right
    begunAt: "2026-01-01T00:00:21.000000Z"
    workflowUid: uid-9
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-1-right.json
      sha256: "00"
  - trial: b01-2-left
    block: 1
    position: 2
    variant: left
    begunAt: "2026-01-01T00:00:48.000000Z"
    before:
    - name: pod-uid-4
      uid: uid-4
      labels:
        app: store
      ready: true
      restarts: 0
failure:
  stage: ResultsStored
  reason: ResultsLost
  message: the result could not be stored within the deadline
cost:
  currency: USD
  hourlyUsd: 0.0
  estimateUsd: 0.0
  atMostUsd: 0.0
completedAt: "2026-01-02T00:00:03Z"
teardownBeganAt: "2026-01-02T00:00:06Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-02T00:00:12.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
