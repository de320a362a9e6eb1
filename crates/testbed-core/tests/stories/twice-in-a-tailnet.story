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
    Accepted=True SourcesPinned 8 components pinned
    ClustersReady=False NotReached starts once the pins are recorded
6 s Failed, looks again at 86400 s
    looks at []
    ClustersReady=False NamespaceTaken right: namespace tailscale is that of target left, which is in the same cluster; a cluster joins a tailnet once, so let this agent write by transport `direct`
    Succeeded=False NamespaceTaken right: namespace tailscale is that of target left, which is in the same cluster; a cluster joins a tailnet once, so let this agent write by transport `direct`
9 s Failed, looks again at 606 s
    looks at [deployed, workflows, left]
    collect beside 0 records: 
    ComponentsReady=False Skipped 
    WorkflowSucceeded=False Skipped 
    ResultsStored=True Done stored
12 s Failed
    certify under Some("runs/11111111-2222-3333-4444-555555555555/"): 
    Published=False Skipped 
    CleanedUp=True NothingLeft nothing is left of the run

The status at last:
phase: Failed
observedGeneration: 1
targets:
- name: left
  namespace: tsdb-x7k2q-left-z1517p2w
  components:
  - name: tailscale-operator
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      operatorConfig.hostname: tsdb-x7k2q-left-5d5nn6xe
    injected: true
    application: tsdb-x7k2q-left-tailscale-operato-sf005n1c
  - name: metrics-egress
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      tailnetFqdn: testbed-ingest
    injected: true
    application: tsdb-x7k2q-left-metrics-egress-155jbzf1
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-left-5d5nn6xe
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://testbed-ingest:8080/api/v1/write
      scope: namespace
      target: left
    injected: true
    application: tsdb-x7k2q-left-metrics-agent-nckbxcrn
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
- name: right
  namespace: tsdb-x7k2q-right-j51462ac
  components:
  - name: tailscale-operator
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      operatorConfig.hostname: tsdb-x7k2q-right-72fpjevj
    injected: true
    application: tsdb-x7k2q-right-tailscale-operato-zkk6eydb
  - name: metrics-egress
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      tailnetFqdn: testbed-ingest
    injected: true
    application: tsdb-x7k2q-right-metrics-egress-45296d5a
  - name: metrics-agent
    sources:
    - repoURL: oci://registry/components/metrics-agent
      targetRevision: sha256:abc
      path: '.'
      helm: {}
    values:
      cluster: tsdb-x7k2q-right-72fpjevj
      experiment: tsdb-x7k2q
      remoteWriteUrl: http://testbed-ingest:8080/api/v1/write
      scope: namespace
      target: right
    injected: true
    application: tsdb-x7k2q-right-metrics-agent-qj5sfe4w
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
template:
  name: compare
  uid: template-uid
  generation: 3
  sha256: 0a811516d1820c153ac856146d886983be6ad2edbf07ec72df96b45638356dc1
failure:
  stage: ClustersReady
  reason: NamespaceTaken
  message: "right: namespace tailscale is that of target left, which is in the same cluster; a cluster joins a tailnet once, so let this agent write by transport `direct`"
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
completedAt: "2026-01-01T00:00:06Z"
teardownBeganAt: "2026-01-01T00:00:12Z"
resourcesCleaned: true
teardownCertificate:
  key: runs/11111111-2222-3333-4444-555555555555/teardown.json
  sha256: "00"
stageTimes:
  Accepted: "2026-01-01T00:00:03.000000Z"
  CleanedUp: "2026-01-01T00:00:12.000000Z"
  ResultsStored: "2026-01-01T00:00:09.000000Z"
