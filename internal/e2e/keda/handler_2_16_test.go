//go:build keda2.15 || keda2.16

package keda

import (
	"github.com/kedacore/keda/v2/pkg/scaling"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newHandler(c client.Client, s *runtime.Scheme) scaling.ScaleHandler {
	return scaling.NewScaleHandler(c, nil, s, kedaTimeout, &record.FakeRecorder{}, nil)
}
