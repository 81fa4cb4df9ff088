// The generators of the oldest podman with Quadlet and of a present one, for ../run.
module generator

go 1.26

tool (
	github.com/containers/podman/v4/cmd/quadlet
	github.com/containers/podman/v5/cmd/quadlet
)

require (
	github.com/containers/podman/v4 v4.4.4 // indirect
	github.com/containers/podman/v5 v5.4.2 // indirect
	github.com/containers/storage v1.57.2 // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	golang.org/x/sys v0.29.0 // indirect
)
