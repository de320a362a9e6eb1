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
    apply Workflow tsdb-x7k2q-p5ae4psv [183de0ab82e73f70]
    WorkflowSucceeded=False WorkflowPending workflow tsdb-x7k2q-p5ae4psv is submitted
24 s Running, looks again at 21618 s
    looks at [workflows]
    WorkflowSucceeded=False WorkflowRunning workflow tsdb-x7k2q-p5ae4psv is running
27 s Running, looks again at 32 s
    WorkflowSucceeded=True Done workflow tsdb-x7k2q-p5ae4psv succeeded
    ResultsStored=False SamplesSettling the last samples of the window are still arriving
329 s Running, looks again at 627 s
    looks at []
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
    ResultsStored=False Collecting metrics are being read and the result written
332 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
335 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
338 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
341 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
344 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
347 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
350 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
353 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
356 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
359 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
362 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
365 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
368 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
371 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
374 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
377 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
380 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
383 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
386 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
389 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
392 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
395 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
398 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
401 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
404 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
407 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
410 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
413 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
416 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
419 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
422 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
425 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
428 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
431 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
434 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
437 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
440 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
443 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
446 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
449 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
452 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
455 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
458 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
461 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
464 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
467 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
470 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
473 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
476 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
479 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
482 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
485 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
488 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
491 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
494 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
497 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
500 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
503 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
506 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
509 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
512 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
515 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
518 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
521 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
524 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
527 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
530 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
533 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
536 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
539 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
542 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
545 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
548 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
551 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
554 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
557 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
560 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
563 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
566 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
569 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
572 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
575 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
578 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
581 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
584 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
587 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
590 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
593 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
596 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
599 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
602 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
605 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
608 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
611 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
614 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
617 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
620 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
623 s Running, looks again at 627 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
627 s Running, looks again at 86400 s
    collect for the last time beside 0 records: memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-left-z1517p2w"}) over 2s by 1s of hub as Value and memory_bytes: Instant sum(mem{namespace="tsdb-x7k2q-right-j51462ac"}) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-left-z1517p2w"}[2s])) over 2s by 1s of hub as Value and cpu_cores: Range sum(rate(cpu_seconds_total{namespace="tsdb-x7k2q-right-j51462ac"}[2s])) over 2s by 1s of hub as Value
    ResultsStored=False LastAttempt the deadline has passed: one last attempt to store the result is made
630 s Failed, looks again at 86400 s
    ResultsStored=False ResultsLost the result could not be stored within the deadline
    Succeeded=False ResultsLost the result could not be stored within the deadline
633 s Failed
    looks at [deployed, workflows, left]
    delete Workflow tsdb-x7k2q-p5ae4psv (uid-8)
    delete Application tsdb-x7k2q-left-metrics-app-7twgse32 (uid-3)
    delete Application tsdb-x7k2q-right-store-kfzrp5ag (uid-6)
    delete Namespace tsdb-x7k2q-left-z1517p2w (uid-2)
    delete Namespace tsdb-x7k2q-right-j51462ac (uid-5)
    Published=False Skipped 
    CleanedUp=False TearingDown workflow tsdb-x7k2q-p5ae4psv is being removed
636 s Failed, looks again at 651 s
    delete Project tsdb-x7k2q-q14876sn (uid-1)
    CleanedUp=False TearingDown project tsdb-x7k2q-q14876sn is being removed
639 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): Application tsdb-x7k2q-left-metrics-app-7twgse32, Application tsdb-x7k2q-right-store-kfzrp5ag, Namespace tsdb-x7k2q-left-z1517p2w, Namespace tsdb-x7k2q-right-j51462ac, Project tsdb-x7k2q-q14876sn, Workflow tsdb-x7k2q-p5ae4psv
    CleanedUp=True NothingLeft nothing is left of the run

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
  name: tsdb-x7k2q-p5ae4psv
  uid: uid-8
  phase: Succeeded
  startedAt: "2026-01-01T00:00:24Z"
  finishedAt: "2026-01-01T00:00:27Z"
  windows:
  - start: "2026-01-01T00:00:25.000000Z"
    end: "2026-01-01T00:00:27.000000Z"
    recordedBy: workload
failure:
  stage: ResultsStored
  reason: ResultsLost
  message: the result could not be stored within the deadline
cost:
  currency: USD
  hourlyUsd: 0.0
  estimateUsd: 0.0
  atMostUsd: 0.0
completedAt: "2026-01-01T00:10:30Z"
teardownBeganAt: "2026-01-01T00:10:33Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:10:39.000000Z"
  ClustersReady: "2026-01-01T00:00:03.000000Z"
  ComponentsReady: "2026-01-01T00:00:18.000000Z"
  WorkflowSucceeded: "2026-01-01T00:00:27.000000Z"
