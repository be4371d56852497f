// Package grafana holds what Prometheus and Grafana need to watch a cluster. It
// has no code, only tests:
//
//	dashboards/redoubt.json     the dashboard, made from the table in panels_test.go
//	provisioning/               has Grafana load the dashboard and its data source
//	prometheus/prometheus.yml   scrapes the nodes that targets.yml lists
//	prometheus/alerts.yml       the alerts; alerts_test.yml fires each of them
//
// To change the dashboard change the table and run "make docs". An alert has its
// rule, its test and its paragraph in docs/OPERATIONS.md, which says what to do.
//
// The tests here look at the files; those in cmd/redoubt run every query on a
// Prometheus that scrapes a cluster.
package grafana
