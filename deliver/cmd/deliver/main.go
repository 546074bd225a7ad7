// Command deliver runs the deliver stage by itself.
package main

import (
	"github.com/postrider/postrider/deliver"
	"github.com/postrider/postrider/shared/service"
)

func main() { service.Main("deliver", &deliver.Stage{}) }
