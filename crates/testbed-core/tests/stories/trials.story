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
44 s Running, looks again at 339 s
    measure b01-1-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b01-1-right is over, and its samples are being read (0 of 10 trials are over)
47 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3 (uid-9)
    WorkflowSucceeded=False TrialPreparing trial b01-2-left is being prepared
50 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b01-2-left: the subject is ready
53 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz [81d1d59a29fce74a]
    WorkflowSucceeded=False TrialRunning trial b01-2-left is submitted (1 of 10 trials are over)
56 s Running, looks again at 377 s
    WorkflowSucceeded=False TrialRunning trial b01-2-left is running (1 of 10 trials are over)
59 s Running, looks again at 64 s
    WorkflowSucceeded=False SamplesSettling trial b01-2-left is over, and its last samples are still arriving (1 of 10 trials are over)
64 s Running, looks again at 359 s
    measure b01-2-left: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b01-2-left is over, and its samples are being read (1 of 10 trials are over)
67 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz (uid-10)
    WorkflowSucceeded=False TrialPreparing trial a01-1-left is being prepared
70 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-1-left: the subject is ready
73 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a01-1-left-48ykfnje [1c50bf7ef4cf964c]
    WorkflowSucceeded=False TrialRunning trial a01-1-left is submitted (2 of 10 trials are over)
76 s Running, looks again at 397 s
    WorkflowSucceeded=False TrialRunning trial a01-1-left is running (2 of 10 trials are over)
79 s Running, looks again at 84 s
    WorkflowSucceeded=False SamplesSettling trial a01-1-left is over, and its last samples are still arriving (2 of 10 trials are over)
84 s Running, looks again at 379 s
    measure a01-1-left: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial a01-1-left is over, and its samples are being read (2 of 10 trials are over)
87 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a01-1-left-48ykfnje (uid-11)
    WorkflowSucceeded=False TrialPreparing trial a01-2-left is being prepared
90 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a01-2-left: the subject is ready
93 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a01-2-left-herep822 [355b870a842c6fd8]
    WorkflowSucceeded=False TrialRunning trial a01-2-left is submitted (3 of 10 trials are over)
96 s Running, looks again at 417 s
    WorkflowSucceeded=False TrialRunning trial a01-2-left is running (3 of 10 trials are over)
99 s Running, looks again at 104 s
    WorkflowSucceeded=False SamplesSettling trial a01-2-left is over, and its last samples are still arriving (3 of 10 trials are over)
104 s Running, looks again at 399 s
    measure a01-2-left: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial a01-2-left is over, and its samples are being read (3 of 10 trials are over)
107 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a01-2-left-herep822 (uid-12)
    WorkflowSucceeded=False TrialPreparing trial b02-1-left is being prepared
110 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-1-left: the subject is ready
113 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b02-1-left-nc7gerkq [97856ff8c46a51fe]
    WorkflowSucceeded=False TrialRunning trial b02-1-left is submitted (4 of 10 trials are over)
116 s Running, looks again at 437 s
    WorkflowSucceeded=False TrialRunning trial b02-1-left is running (4 of 10 trials are over)
119 s Running, looks again at 124 s
    WorkflowSucceeded=False SamplesSettling trial b02-1-left is over, and its last samples are still arriving (4 of 10 trials are over)
124 s Running, looks again at 419 s
    measure b02-1-left: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b02-1-left is over, and its samples are being read (4 of 10 trials are over)
127 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b02-1-left-nc7gerkq (uid-13)
    WorkflowSucceeded=False TrialPreparing trial b02-2-right is being prepared
130 s Running, looks again at 160 s
    delete Pod pod-uid-8 (uid-8)
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
133 s Running, looks again at 160 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: 0 of 1 pods of app=store in target right ready
136 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b02-2-right: the subject is ready
139 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4 [26d389b2febecba3]
    WorkflowSucceeded=False TrialRunning trial b02-2-right is submitted (5 of 10 trials are over)
142 s Running, looks again at 457 s
    WorkflowSucceeded=False TrialRunning trial b02-2-right is running (5 of 10 trials are over)
145 s Running, looks again at 150 s
    WorkflowSucceeded=False SamplesSettling trial b02-2-right is over, and its last samples are still arriving (5 of 10 trials are over)
150 s Running, looks again at 445 s
    measure b02-2-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b02-2-right is over, and its samples are being read (5 of 10 trials are over)
153 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4 (uid-15)
    WorkflowSucceeded=False TrialPreparing trial a02-1-right is being prepared
156 s Running, looks again at 186 s
    delete Pod pod-uid-14 (uid-14)
    WorkflowSucceeded=False TrialPreparing trial a02-1-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
159 s Running, looks again at 186 s
    WorkflowSucceeded=False TrialPreparing trial a02-1-right: 0 of 1 pods of app=store in target right ready
162 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a02-1-right: the subject is ready
165 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a02-1-right-gns4t26f [8f33a5904e9de59b]
    WorkflowSucceeded=False TrialRunning trial a02-1-right is submitted (6 of 10 trials are over)
168 s Running, looks again at 483 s
    WorkflowSucceeded=False TrialRunning trial a02-1-right is running (6 of 10 trials are over)
171 s Running, looks again at 176 s
    WorkflowSucceeded=False SamplesSettling trial a02-1-right is over, and its last samples are still arriving (6 of 10 trials are over)
176 s Running, looks again at 471 s
    measure a02-1-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial a02-1-right is over, and its samples are being read (6 of 10 trials are over)
179 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a02-1-right-gns4t26f (uid-17)
    WorkflowSucceeded=False TrialPreparing trial a02-2-right is being prepared
182 s Running, looks again at 212 s
    delete Pod pod-uid-16 (uid-16)
    WorkflowSucceeded=False TrialPreparing trial a02-2-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
185 s Running, looks again at 212 s
    WorkflowSucceeded=False TrialPreparing trial a02-2-right: 0 of 1 pods of app=store in target right ready
188 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial a02-2-right: the subject is ready
191 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-a02-2-right-qzzjvzd6 [6aacef5b79700f47]
    WorkflowSucceeded=False TrialRunning trial a02-2-right is submitted (7 of 10 trials are over)
194 s Running, looks again at 509 s
    WorkflowSucceeded=False TrialRunning trial a02-2-right is running (7 of 10 trials are over)
197 s Running, looks again at 202 s
    WorkflowSucceeded=False SamplesSettling trial a02-2-right is over, and its last samples are still arriving (7 of 10 trials are over)
202 s Running, looks again at 497 s
    measure a02-2-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial a02-2-right is over, and its samples are being read (7 of 10 trials are over)
205 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-a02-2-right-qzzjvzd6 (uid-19)
    WorkflowSucceeded=False TrialPreparing trial b03-1-right is being prepared
208 s Running, looks again at 238 s
    delete Pod pod-uid-18 (uid-18)
    WorkflowSucceeded=False TrialPreparing trial b03-1-right: 1 of 1 pods of app=store in target right ready, 1 that must be replaced still there
211 s Running, looks again at 238 s
    WorkflowSucceeded=False TrialPreparing trial b03-1-right: 0 of 1 pods of app=store in target right ready
214 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b03-1-right: the subject is ready
217 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b03-1-right-6eccpr5d [b70bf8d24af81b29]
    WorkflowSucceeded=False TrialRunning trial b03-1-right is submitted (8 of 10 trials are over)
220 s Running, looks again at 535 s
    WorkflowSucceeded=False TrialRunning trial b03-1-right is running (8 of 10 trials are over)
223 s Running, looks again at 228 s
    WorkflowSucceeded=False SamplesSettling trial b03-1-right is over, and its last samples are still arriving (8 of 10 trials are over)
228 s Running, looks again at 523 s
    measure b03-1-right: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-right-j51462ac",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b03-1-right is over, and its samples are being read (8 of 10 trials are over)
231 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b03-1-right-6eccpr5d (uid-21)
    WorkflowSucceeded=False TrialPreparing trial b03-2-left is being prepared
234 s Running, looks again at 86400 s
    WorkflowSucceeded=False TrialPreparing trial b03-2-left: the subject is ready
237 s Running, looks again at 86400 s
    apply Workflow tsdb-x7k2q-b03-2-left-74bghv6q [f46e2fa5707bae1e]
    WorkflowSucceeded=False TrialRunning trial b03-2-left is submitted (9 of 10 trials are over)
240 s Running, looks again at 561 s
    WorkflowSucceeded=False TrialRunning trial b03-2-left is running (9 of 10 trials are over)
243 s Running, looks again at 248 s
    WorkflowSucceeded=False SamplesSettling trial b03-2-left is over, and its last samples are still arriving (9 of 10 trials are over)
248 s Running, looks again at 543 s
    measure b03-2-left: memory_bytes: Instant min(count_over_time(mem{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 1 } and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and cpu_cores: Instant min(count_over_time(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as RawCount { needed: 3 } and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and throttled_ratio: Instant sum(increase(container_cpu_cfs_throttled_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) / sum(increase(container_cpu_cfs_periods_total{namespace="tsdb-x7k2q-left-z1517p2w",container!=""}[2s])) over 2s by 1s of hub as Environment { unit: "ratio" }
    WorkflowSucceeded=False TrialMeasuring trial b03-2-left is over, and its samples are being read (9 of 10 trials are over)
251 s Running, looks again at 86400 s
    delete Workflow tsdb-x7k2q-b03-2-left-74bghv6q (uid-22)
    WorkflowSucceeded=True TrialsDone 10 trials of which 0 void; every block was run: 3 valid blocks, 2 of a variant against itself
    ResultsStored=False NotReached begins once the end of the workflow is recorded
254 s Complete, looks again at 851 s
    looks at []
    collect beside 10 records: 
    ResultsStored=True Done stored
    Succeeded=True Done the result is stored
257 s Complete, looks again at 86400 s
    looks at [deployed, workflows, left]
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-6)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-5)
    Published=False NotRequested 
    CleanedUp=False TearingDown application tsdb-x7k2q-left-metrics-app-7twgse32 is being removed
260 s Complete, looks again at 275 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
263 s Complete, looks again at 86400 s
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn, Workflow tsdb-x7k2q-a01-1-left-48ykfnje, Workflow tsdb-x7k2q-a01-2-left-herep822, Workflow tsdb-x7k2q-a02-1-right-gns4t26f, Workflow tsdb-x7k2q-a02-2-right-qzzjvzd6, Workflow tsdb-x7k2q-b01-1-right-nbmv6dn3, Workflow tsdb-x7k2q-b01-2-left-hcf6zsjz, Workflow tsdb-x7k2q-b02-1-left-nc7gerkq, Workflow tsdb-x7k2q-b02-2-right-pvdcfvm4, Workflow tsdb-x7k2q-b03-1-right-6eccpr5d, Workflow tsdb-x7k2q-b03-2-left-74bghv6q
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
  name: b03-2-left
  phase: Succeeded
  startedAt: "2026-01-01T00:00:21Z"
trials:
  seed: 7
  plannedBlockCount: 3
  validCount: 10
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
    begunAt: "2026-01-01T00:00:47.000000Z"
    workflowUid: uid-10
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b01-2-left.json
      sha256: "00"
  - trial: a01-1-left
    block: 1
    position: 1
    variant: left
    aa: true
    begunAt: "2026-01-01T00:01:07.000000Z"
    workflowUid: uid-11
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-1-left.json
      sha256: "00"
  - trial: a01-2-left
    block: 1
    position: 2
    variant: left
    aa: true
    begunAt: "2026-01-01T00:01:27.000000Z"
    workflowUid: uid-12
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a01-2-left.json
      sha256: "00"
  - trial: b02-1-left
    block: 2
    position: 1
    variant: left
    begunAt: "2026-01-01T00:01:47.000000Z"
    workflowUid: uid-13
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-1-left.json
      sha256: "00"
  - trial: b02-2-right
    block: 2
    position: 2
    variant: right
    begunAt: "2026-01-01T00:02:07.000000Z"
    workflowUid: uid-15
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b02-2-right.json
      sha256: "00"
  - trial: a02-1-right
    block: 2
    position: 1
    variant: right
    aa: true
    begunAt: "2026-01-01T00:02:33.000000Z"
    workflowUid: uid-17
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a02-1-right.json
      sha256: "00"
  - trial: a02-2-right
    block: 2
    position: 2
    variant: right
    aa: true
    begunAt: "2026-01-01T00:02:59.000000Z"
    workflowUid: uid-19
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/a02-2-right.json
      sha256: "00"
  - trial: b03-1-right
    block: 3
    position: 1
    variant: right
    begunAt: "2026-01-01T00:03:25.000000Z"
    workflowUid: uid-21
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b03-1-right.json
      sha256: "00"
  - trial: b03-2-left
    block: 3
    position: 2
    variant: left
    begunAt: "2026-01-01T00:03:51.000000Z"
    workflowUid: uid-22
    record:
      key: runs/11111111-2222-3333-4444-555555555555/trials/b03-2-left.json
      sha256: "00"
  stopped:
    reason: Completed
    message: "every block was run: 3 valid blocks, 2 of a variant against itself"
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
completedAt: "2026-01-01T00:04:14Z"
teardownBeganAt: "2026-01-01T00:04:17Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:04:23.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
  ResultsStored: "2026-01-01T00:04:14.000000Z"
  Succeeded: "2026-01-01T00:04:14.000000Z"
  WorkflowSucceeded: "2026-01-01T00:04:11.000000Z"
