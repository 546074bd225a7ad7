// Command ingest runs the ingest stage by itself.
package main

import (
	"github.com/postrider/postrider/ingest"
	"github.com/postrider/postrider/shared/service"
)

func main() { service.Main("ingest", &ingest.Stage{}) }
