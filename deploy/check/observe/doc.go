// Package observe tests what people watch an installation with: the rules of
// Prometheus and their runbook, the routes of Alertmanager, and the dashboards of
// Grafana, against what a running system really shows.
package observe
