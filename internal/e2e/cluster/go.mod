module failover-monitor/internal/e2e/cluster

go 1.26.0

require failover-monitor v0.0.0

require golang.org/x/net v0.59.0 // indirect

replace failover-monitor => ../../..
