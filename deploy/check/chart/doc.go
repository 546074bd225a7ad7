// Package chart is the checks of deploy/helm/postrider: what it renders for the values
// that come with it is decoded strictly with Kubernetes' own types, and held together
// with itself and with the programs that it runs.
package chart
