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
    WorkflowSucceeded=False TrialPreparing trial b01-1-right: 0 of 1 pods of app=store in target right ready
54 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over (0 of 10 trials are over)
57 s Running, looks again at 354 s
    measure b01-1-right: 
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over, and its samples are being read (0 of 10 trials are over)
60 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left is being prepared
63 s Running, looks again at 123 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left: 0 of 1 pods of target left ready
123 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b01-2-left is over (1 of 10 trials are over, 1 of them void)
126 s Running, looks again at 423 s
    measure b01-2-left: 
    WorkflowSucceeded=False TrialMeasuring trial b01-2-left is over, and its samples are being read (1 of 10 trials are over, 1 of them void)
129 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-1-left is being prepared
132 s Running, looks again at 192 s
    WorkflowSucceeded=False TrialPreparing trial a01-1-left: 0 of 1 pods of target left ready
192 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial a01-1-left is over (2 of 10 trials are over, 2 of them void)
195 s Running, looks again at 492 s
    measure a01-1-left: 
    WorkflowSucceeded=False TrialMeasuring trial a01-1-left is over, and its samples are being read (2 of 10 trials are over, 2 of them void)
198 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-2-left is being prepared
201 s Running, looks again at 261 s
    WorkflowSucceeded=False TrialPreparing trial a01-2-left: 0 of 1 pods of target left ready
261 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial a01-2-left is over (3 of 10 trials are over, 3 of them void)
264 s Running, looks again at 561 s
    measure a01-2-left: 
    WorkflowSucceeded=False TrialMeasuring trial a01-2-left is over, and its samples are being read (3 of 10 trials are over, 3 of them void)
267 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-1-left is being prepared
270 s Running, looks again at 330 s
    WorkflowSucceeded=False TrialPreparing trial b02-1-left: 0 of 1 pods of target left ready
330 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b02-1-left is over (4 of 10 trials are over, 4 of them void)
333 s Running, looks again at 630 s
    measure b02-1-left: 
    WorkflowSucceeded=False TrialMeasuring trial b02-1-left is over, and its samples are being read (4 of 10 trials are over, 4 of them void)
336 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right is being prepared
339 s Running, looks again at 369 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: 0 of 1 pods of app=store in target right ready
369 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b02-2-right is over (5 of 10 trials are over, 5 of them void)
372 s Running, looks again at 669 s
    measure b02-2-right: 
    WorkflowSucceeded=False TrialMeasuring trial b02-2-right is over, and its samples are being read (5 of 10 trials are over, 5 of them void)
375 s Running, looks again at 86400 s
    WorkflowSucceeded=True TrialsDone 6 trials of which 6 void; 3 of 3 blocks were void, and 2 may be run again
    ResultsStored=False NotReached begins once the end of the workflow is recorded
378 s Complete, looks again at 975 s
    looks at []
    collect beside 6 records: 
    ResultsStored=True Done stored
    Succeeded=True Done the result is stored
381 s Complete, looks again at 86400 s
    looks at [deployed, workflows, left]
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-5)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-4)
    Published=False NotRequested 
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-app-7twgse32 is being removed
384 s Complete, looks again at 399 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
387 s Complete, looks again at 86400 s
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Complete
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
  name: b02-2-right
  phase: Succeeded
  startedAt: "2026-01-01T00:00:21Z"
trials:
  seed: 7
  plannedBlockCount: 3
  validCount: 0
  voidCount: 6
  begun:
  - trial: b01-1-right
    block: 1
    position: 1
    variant: right
    begunAt: "2026-01-01T00:00:21.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-1-right.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of app=store in target right ready within 30s"
  - trial: b01-2-left
    block: 1
    position: 2
    variant: left
    begunAt: "2026-01-01T00:01:00.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-2-left.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of target left ready within 60s"
  - trial: a01-1-left
    block: 1
    position: 1
    variant: left
    aa: true
    begunAt: "2026-01-01T00:02:09.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-1-left.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of target left ready within 60s"
  - trial: a01-2-left
    block: 1
    position: 2
    variant: left
    aa: true
    begunAt: "2026-01-01T00:03:18.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-2-left.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of target left ready within 60s"
  - trial: b02-1-left
    block: 2
    position: 1
    variant: left
    begunAt: "2026-01-01T00:04:27.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-1-left.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of target left ready within 60s"
  - trial: b02-2-right
    block: 2
    position: 2
    variant: right
    begunAt: "2026-01-01T00:05:36.000000Z"
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-2-right.json
      sha256: "00"
    void: "the subject was absent: 0 of 1 pods of app=store in target right ready within 30s"
  stopped:
    reason: TooManyVoid
    message: 3 of 3 blocks were void, and 2 may be run again
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
completedAt: "2026-01-01T00:06:18Z"
teardownBeganAt: "2026-01-01T00:06:21Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:06:27.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
  ResultsStored: "2026-01-01T00:06:18.000000Z"
  Succeeded: "2026-01-01T00:06:18.000000Z"
  WorkflowSucceeded: "2026-01-01T00:06:15.000000Z"
