package event

import (
	"cmp"
)

// Place is where an event stands in the order of acceptance. See Event.Tx.
type Place struct {
	Tx    uint64
	Event ID
}

// Compare returns -1, 0 or 1 as p comes before, is or comes after q.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Tx, q.Tx), p.Event.Compare(q.Event))
}

// Place of the delivery's event, if the endpoint is to get it in order; see Tx.
func (d *Delivery) Place() Place { return Place{d.Tx, d.Event} }
