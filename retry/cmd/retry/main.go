// Command retry runs the retry stage by itself.
package main

import (
	"github.com/postrider/postrider/retry"
	"github.com/postrider/postrider/shared/service"
)

func main() { service.Main("retry", &retry.Stage{}) }
