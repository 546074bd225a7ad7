// Package check is the tests of what an installation is made with: the image, the
// compose file, the chart, rules and dashboards. Each is read by the library that its
// own tool reads it with, so neither docker nor a cluster is needed. They are a module
// of their own because those libraries are none of ours.
//
// Whether what they describe also starts is for "make compose-test" to say, where
// there is docker.
package check
