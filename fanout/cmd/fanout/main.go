// Command fanout runs the fanout stage by itself.
package main

import (
	"github.com/postrider/postrider/fanout"
	"github.com/postrider/postrider/shared/service"
)

func main() { service.Main("fanout", &fanout.Stage{}) }
