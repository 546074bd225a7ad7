// Package e2e holds the tests of the whole of Postrider, in both of its shapes:
// everything in one process, as `make run` starts it, and five processes beside
// a nats-server and PostgreSQL. What is tested is what a user sees: requests to
// the API, and what arrives at a receiver.
package e2e
