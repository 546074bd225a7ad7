// Package lanes sees to it that every own lane with something to do is worked on
// by one deliver worker, and by one only.
//
// The workers know each other by a table on the bus (bus.Table): a record
// worker.<id> for each that lives, which it renews, and a record lane.<subject>
// for each lane that is worked on, which names the worker. Each tenant has one
// worker that its lanes belong to, by rendezvous hashing over those that live; so
// the limits, breakers and orders of a tenant are that worker's own affair. When
// a worker comes or goes some tenants change hands, and the lock in the table is
// what keeps the new one waiting until the old one has let go or is dead.
package lanes
