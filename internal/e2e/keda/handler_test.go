//go:build !keda2.15 && !keda2.16 && !keda2.17 && !keda2.18 && !keda2.20

package keda

import (
	"github.com/kedacore/keda/v2/pkg/scalers/authentication"
	"github.com/kedacore/keda/v2/pkg/scaling"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newHandler calls the one function whose parameters change from KEDA to KEDA.
func newHandler(c client.Client, s *runtime.Scheme) scaling.ScaleHandler {
	return scaling.NewScaleHandler(
		c, nil, s, kedaTimeout, kedaTimeout, &events.FakeRecorder{}, &authentication.AuthClientSet{})
}
