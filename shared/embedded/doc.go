// Package embedded runs the two servers that Postrider needs on the machine
// where it runs: a real PostgreSQL, from the programs installed there, and a
// real nats-server inside this process. The all-in-one runner and the tests
// start them through the same code, so what is tested is what is run.
//
// Both listen on the loopback address only, want a secret that is kept beside
// their data, and go on where they ended when they are started again on the
// same folder, whatever killed them. Both refuse a folder that another process
// uses.
//
// A server is stopped by whoever started it; nothing here handles signals.
package embedded
