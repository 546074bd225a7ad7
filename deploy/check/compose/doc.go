// Package compose is the checks of deploy/compose, and the system of the compose file
// on loopback, without containers.
package compose
