module failover-monitor/internal/e2e/cluster

go 1.26.0

require failover-monitor v0.0.0

replace failover-monitor => ../../..
