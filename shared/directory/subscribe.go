package directory

import (
	"sync"

	"github.com/postrider/postrider/shared/event"
)

// listeners are those who want to be told of changes.
type listeners struct {
	mu   sync.Mutex
	tell map[*func(event.ID)]struct{}
}

// Subscribe has tell called, until stop is, with every tenant that changes, itself
// or one of its endpoints, by whichever process, and with the zero id when changes
// of any may have been missed. What it asks the directory from then on is answered
// with the change. It is called one change at a time, and must neither wait for
// anything nor call stop.
func (d *Directory) Subscribe(tell func(tenant event.ID)) (stop func()) {
	l := &d.listeners
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tell == nil {
		l.tell = make(map[*func(event.ID)]struct{})
	}
	l.tell[&tell] = struct{}{}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.tell, &tell)
	}
}

func (l *listeners) changed(tenant event.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for tell := range l.tell {
		(*tell)(tenant)
	}
}
