// Command dlq runs the dlq stage by itself.
package main

import (
	"github.com/postrider/postrider/dlq"
	"github.com/postrider/postrider/shared/service"
)

func main() { service.Main("dlq", &dlq.Stage{}) }
