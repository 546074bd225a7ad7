package event

import (
	"testing"
	"time"
)

// BenchmarkFrame is what every delivery costs at each hop.
func BenchmarkFrame(b *testing.B) {
	d := Delivery{
		Event: NewID(), Tenant: NewID(), Endpoint: NewID(), Type: "invoice.paid", Version: 3, Attempt: 1,
		Due: time.Now(), Payload: []byte(`{"invoice":17,"amount":"12.50"}`),
	}
	b.ReportAllocs()
	for b.Loop() {
		data, err := d.Encode()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeDelivery(data); err != nil {
			b.Fatal(err)
		}
	}
}
