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
351 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over (0 of 10 trials are over)
354 s Running, looks again at 651 s
    measure b01-1-right: 
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over, and its samples are being read (0 of 10 trials are over)
357 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 (uid-9)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 is being removed
360 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left is being prepared
363 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left: the subject is ready
366 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz [81d1d59a29fce74a]
    WorkflowSucceeded=False TrialRunning trial b01-2-left is submitted (1 of 10 trials are over, 1 of them void)
369 s Running, looks again at 690 s
    WorkflowSucceeded=False TrialRunning trial b01-2-left is running (1 of 10 trials are over, 1 of them void)
690 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b01-2-left is over (1 of 10 trials are over, 1 of them void)
693 s Running, looks again at 990 s
    measure b01-2-left: 
    WorkflowSucceeded=False TrialMeasuring trial b01-2-left is over, and its samples are being read (1 of 10 trials are over, 1 of them void)
696 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz (uid-10)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-b01-2-left-hcf6zsjz is being removed
699 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-1-left is being prepared
702 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-1-left: the subject is ready
705 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a01-1-left-48ykfnje [1c50bf7ef4cf964c]
    WorkflowSucceeded=False TrialRunning trial a01-1-left is submitted (2 of 10 trials are over, 2 of them void)
708 s Running, looks again at 1029 s
    WorkflowSucceeded=False TrialRunning trial a01-1-left is running (2 of 10 trials are over, 2 of them void)
1029 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial a01-1-left is over (2 of 10 trials are over, 2 of them void)
1032 s Running, looks again at 1329 s
    measure a01-1-left: 
    WorkflowSucceeded=False TrialMeasuring trial a01-1-left is over, and its samples are being read (2 of 10 trials are over, 2 of them void)
1035 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a01-1-left-48ykfnje (uid-11)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-a01-1-left-48ykfnje is being removed
1038 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-2-left is being prepared
1041 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-2-left: the subject is ready
1044 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a01-2-left-herep822 [355b870a842c6fd8]
    WorkflowSucceeded=False TrialRunning trial a01-2-left is submitted (3 of 10 trials are over, 3 of them void)
1047 s Running, looks again at 1368 s
    WorkflowSucceeded=False TrialRunning trial a01-2-left is running (3 of 10 trials are over, 3 of them void)
1368 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial a01-2-left is over (3 of 10 trials are over, 3 of them void)
1371 s Running, looks again at 1668 s
    measure a01-2-left: 
    WorkflowSucceeded=False TrialMeasuring trial a01-2-left is over, and its samples are being read (3 of 10 trials are over, 3 of them void)
1374 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a01-2-left-herep822 (uid-12)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-a01-2-left-herep822 is being removed
1377 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-1-left is being prepared
1380 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-1-left: the subject is ready
1383 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b02-1-left-nc7gerkq [97856ff8c46a51fe]
    WorkflowSucceeded=False TrialRunning trial b02-1-left is submitted (4 of 10 trials are over, 4 of them void)
1386 s Running, looks again at 1707 s
    WorkflowSucceeded=False TrialRunning trial b02-1-left is running (4 of 10 trials are over, 4 of them void)
1707 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b02-1-left is over (4 of 10 trials are over, 4 of them void)
1710 s Running, looks again at 2007 s
    measure b02-1-left: 
    WorkflowSucceeded=False TrialMeasuring trial b02-1-left is over, and its samples are being read (4 of 10 trials are over, 4 of them void)
1713 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b02-1-left-nc7gerkq (uid-13)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-b02-1-left-nc7gerkq is being removed
1716 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right is being prepared
1719 s Running, looks again at 1749 s
    delete Pod pod-uid-8 (uid-8)
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
1722 s Running, looks again at 1749 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: 0 of 1 pods of app=store in target right ready
1725 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: the subject is ready
1728 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4 [26d389b2febecba3]
    WorkflowSucceeded=False TrialRunning trial b02-2-right is submitted (5 of 10 trials are over, 5 of them void)
1731 s Running, looks again at 2046 s
    WorkflowSucceeded=False TrialRunning trial b02-2-right is running (5 of 10 trials are over, 5 of them void)
2046 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialMeasuring trial b02-2-right is over (5 of 10 trials are over, 5 of them void)
2049 s Running, looks again at 2346 s
    measure b02-2-right: 
    WorkflowSucceeded=False TrialMeasuring trial b02-2-right is over, and its samples are being read (5 of 10 trials are over, 5 of them void)
2052 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4 (uid-15)
    WorkflowSucceeded=False TrialPreparing workflow tsdb-x7k2q-b02-2-right-pvdcfvm4 is being removed
2055 s Running, looks again at 86400 s
    WorkflowSucceeded=True TrialsDone 6 trials of which 6 void; 3 of 3 blocks were void, and 2 may be run again
    ResultsStored=False NotReached begins once the end of the workflow is recorded
2058 s Complete, looks again at 2655 s
    looks at []
    collect beside 6 records: 
    ResultsStored=True Done stored
    Succeeded=True Done the result is stored
2061 s Complete, looks again at 86400 s
    looks at [deployed, workflows, left]
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-6)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-5)
    Published=False NotRequested 
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-app-7twgse32 is being removed
2064 s Complete, looks again at 2079 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
2067 s Complete, looks again at 86400 s
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn, Workflow tsdb-x7k2q-a01-1-left-48ykfnje, Workflow tsdb-x7k2q-a01-2-left-herep822, Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3, Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz, Workflow tsdb-x7k2q-b02-1-left-nc7gerkq, Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4
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
    workflowUid: uid-9
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-1-right.json
      sha256: "00"
    void: b01-1-right did not end within its deadline
  - trial: b01-2-left
    block: 1
    position: 2
    variant: left
    begunAt: "2026-01-01T00:06:00.000000Z"
    workflowUid: uid-10
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-2-left.json
      sha256: "00"
    void: b01-2-left did not end within its deadline
  - trial: a01-1-left
    block: 1
    position: 1
    variant: left
    aa: true
    begunAt: "2026-01-01T00:11:39.000000Z"
    workflowUid: uid-11
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-1-left.json
      sha256: "00"
    void: a01-1-left did not end within its deadline
  - trial: a01-2-left
    block: 1
    position: 2
    variant: left
    aa: true
    begunAt: "2026-01-01T00:17:18.000000Z"
    workflowUid: uid-12
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-2-left.json
      sha256: "00"
    void: a01-2-left did not end within its deadline
  - trial: b02-1-left
    block: 2
    position: 1
    variant: left
    begunAt: "2026-01-01T00:22:57.000000Z"
    workflowUid: uid-13
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-1-left.json
      sha256: "00"
    void: b02-1-left did not end within its deadline
  - trial: b02-2-right
    block: 2
    position: 2
    variant: right
    begunAt: "2026-01-01T00:28:36.000000Z"
    workflowUid: uid-15
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-2-right.json
      sha256: "00"
    void: b02-2-right did not end within its deadline
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
completedAt: "2026-01-01T00:34:18Z"
teardownBeganAt: "2026-01-01T00:34:21Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:34:27.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
  ResultsStored: "2026-01-01T00:34:18.000000Z"
  Succeeded: "2026-01-01T00:34:18.000000Z"
  WorkflowSucceeded: "2026-01-01T00:34:15.000000Z"
