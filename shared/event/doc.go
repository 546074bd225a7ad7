// Package event is the vocabulary of Postrider: the words that every stage
// shares, their identifiers, the form in which they travel over a stream and
// the subjects that they travel on. It holds no logic beyond that and imports
// nothing of ours.
//
// An [Event] is what a producer posted. A [Delivery] is one event on its way to
// one endpoint, with the number of the attempt that is due. Tenants own both:
// what the API calls an application is a tenant here, a message is an event.
package event
