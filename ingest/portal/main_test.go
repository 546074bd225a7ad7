package portal_test

import (
	"testing"

	"github.com/postrider/postrider/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
