// Package chart draws small charts as SVG. It uses attributes and classes only, since
// the pages allow no styles of their own; the stylesheet gives the colours. Each chart
// has its figures in words too.
package chart
