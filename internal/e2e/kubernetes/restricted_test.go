package kubernetes

import (
	"slices"
	"strings"
	"testing"

	security "github.com/openshift/api/security/v1"
	core "k8s.io/api/core/v1"
)

// restrictedV2 is what OpenShift holds the pods of ordinary users to: from
// github.com/openshift/cluster-kube-apiserver-operator, the file
// bindata/bootkube/scc-manifests/0000_20_kube-apiserver-operator_00_scc-restricted-v2.yaml.
// It allows no host namespace, host port, privilege or escalation. Later versions allow the volumes
// csi, ephemeral and image, too.
var restrictedV2 = security.SecurityContextConstraints{
	AllowedCapabilities: []core.Capability{"NET_BIND_SERVICE"},
	SeccompProfiles:     []string{"runtime/default"},
	Volumes: []security.FSType{security.FSTypeConfigMap, security.FSTypeDownwardAPI,
		security.FSTypeEmptyDir, security.FSTypePersistentVolumeClaim, security.FSProjected,
		security.FSTypeSecret},
}

// breaches gives the rules of restricted-v2 that a pod breaks. The users, groups and SELinux labels
// that it allows differ from one namespace to the next, so a manifest must leave them out:
// OpenShift fills in what is left out.
func breaches(pod core.PodSpec) (broken []string) {
	rule := func(name string, breaks bool) {
		if breaks {
			broken = append(broken, name)
		}
	}
	rule("host namespace", pod.HostNetwork || pod.HostPID || pod.HostIPC)
	for _, volume := range pod.Volumes {
		rule("volume "+volume.Name, !allowsVolume(volume.VolumeSource))
	}
	if context := pod.SecurityContext; context != nil {
		rule("runAsUser of the pod", context.RunAsUser != nil)
		rule("fsGroup", context.FSGroup != nil)
		rule("seLinuxOptions of the pod", context.SELinuxOptions != nil)
		rule("seccompProfile of the pod", !allowsSeccomp(context.SeccompProfile))
	}
	for _, container := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, port := range container.Ports {
			rule("hostPort", port.HostPort != 0)
		}
		context := container.SecurityContext
		if context == nil {
			continue
		}
		isTrue := func(flag *bool) bool { return flag != nil && *flag }
		rule("runAsUser", context.RunAsUser != nil)
		rule("seLinuxOptions", context.SELinuxOptions != nil)
		rule("seccompProfile", !allowsSeccomp(context.SeccompProfile))
		rule("privileged", isTrue(context.Privileged))
		rule("allowPrivilegeEscalation", isTrue(context.AllowPrivilegeEscalation))
		if context.Capabilities != nil {
			for _, added := range context.Capabilities.Add {
				rule("capability "+string(added), !slices.Contains(restrictedV2.AllowedCapabilities, added))
			}
		}
	}
	return broken
}

// allowsSeccomp translates RuntimeDefault into runtime/default, and the like.
func allowsSeccomp(profile *core.SeccompProfile) bool {
	if profile == nil {
		return true
	}
	name := strings.Replace(string(profile.Type), "RuntimeDefault", "runtime/default", 1)
	return slices.Contains(restrictedV2.SeccompProfiles, strings.ToLower(name))
}

// allowsVolume is for the sources that a manifest of this project may have: any other is refused.
func allowsVolume(source core.VolumeSource) bool {
	types := map[security.FSType]bool{
		security.FSTypeConfigMap:             source.ConfigMap != nil,
		security.FSTypeDownwardAPI:           source.DownwardAPI != nil,
		security.FSTypeEmptyDir:              source.EmptyDir != nil,
		security.FSProjected:                 source.Projected != nil,
		security.FSTypePersistentVolumeClaim: source.PersistentVolumeClaim != nil,
		security.FSTypeSecret:                source.Secret != nil,
	}
	return slices.ContainsFunc(restrictedV2.Volumes,
		func(allowed security.FSType) bool { return types[allowed] })
}

func TestRestrictedV2(t *testing.T) {
	for _, folder := range []string{openshift, beforeOpenShift417} {
		m, _ := buildOpenShift(t, folder)
		wantRestricted(t, m.Deployment.Spec.Template)
		if broken := breaches(m.Deployment.Spec.Template.Spec); len(broken) > 0 {
			t.Errorf("%s breaks %q", folder, broken)
		}
	}
}

// TestRestrictedV2Refuses since rules that nothing can break test nothing.
func TestRestrictedV2Refuses(t *testing.T) {
	user, yes := int64(65532), true
	host := core.VolumeSource{HostPath: &core.HostPathVolumeSource{Path: "/"}}
	context := func(pod *core.PodSpec) *core.SecurityContext {
		return pod.Containers[0].SecurityContext
	}
	for name, change := range map[string]func(pod *core.PodSpec){
		"host namespace":       func(pod *core.PodSpec) { pod.HostNetwork = true },
		"volume files":         func(pod *core.PodSpec) { pod.Volumes[0].VolumeSource = host },
		"runAsUser of the pod": func(pod *core.PodSpec) { pod.SecurityContext.RunAsUser = &user },
		"fsGroup":              func(pod *core.PodSpec) { pod.SecurityContext.FSGroup = &user },
		"seccompProfile of the pod": func(pod *core.PodSpec) {
			pod.SecurityContext.SeccompProfile.Type = core.SeccompProfileTypeUnconfined
		},
		"hostPort":  func(pod *core.PodSpec) { pod.Containers[0].Ports[0].HostPort = 8000 },
		"runAsUser": func(pod *core.PodSpec) { context(pod).RunAsUser = &user },
		"allowPrivilegeEscalation": func(pod *core.PodSpec) {
			context(pod).AllowPrivilegeEscalation = &yes
		},
		"capability NET_ADMIN": func(pod *core.PodSpec) {
			context(pod).Capabilities.Add = []core.Capability{"NET_ADMIN"}
		},
	} {
		m, _ := buildOpenShift(t, openshift)
		change(&m.Deployment.Spec.Template.Spec)
		if broken := breaches(m.Deployment.Spec.Template.Spec); !slices.Equal(broken, []string{name}) {
			t.Errorf("%s: breaks %q", name, broken)
		}
	}
}
