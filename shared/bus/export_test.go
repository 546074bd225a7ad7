package bus

// Arrived is how many messages have come that nobody has seen yet.
func (p *Puller) Arrived() int { return len(p.arrived) }
