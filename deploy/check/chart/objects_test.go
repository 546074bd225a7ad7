package chart

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/pod-security-admission/api"
	security "k8s.io/pod-security-admission/policy"
)

// pod is what pods are made from, and by whom.
type pod struct {
	owner string
	meta.ObjectMeta
	core.PodSpec
}

// pods are those of every Deployment, StatefulSet, Job, and the test.
func pods(all objects) (found []pod) {
	add := func(o meta.ObjectMeta, kind string, template core.PodTemplateSpec) {
		found = append(found, pod{kind + " " + o.Name, template.ObjectMeta, template.Spec})
	}
	for _, x := range of[*apps.Deployment](all) {
		add(x.ObjectMeta, "Deployment", x.Spec.Template)
	}
	for _, x := range of[*apps.StatefulSet](all) {
		add(x.ObjectMeta, "StatefulSet", x.Spec.Template)
	}
	for _, x := range of[*batch.Job](all) {
		add(x.ObjectMeta, "Job", x.Spec.Template)
	}
	for _, x := range of[*core.Pod](all) {
		found = append(found, pod{"Pod " + x.Name, x.ObjectMeta, x.Spec})
	}
	return found
}

// TestDecodes: nothing unknown, nothing twice, and everything has a name and labels
// that Kubernetes takes.
func TestDecodes(t *testing.T) {
	t.Parallel()
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			for _, o := range all {
				id := o.APIVersion + " " + o.Kind + " " + o.Name
				require.False(t, seen[id], "twice: %s", id)
				seen[id] = true
				require.Empty(t, o.Namespace, "%s: the namespace is Helm's to say", id)
				require.Empty(t, validation.IsDNS1123Label(o.Name), id)
				for key, value := range o.Labels {
					require.Empty(t, validation.IsQualifiedName(key), id)
					require.Empty(t, validation.IsValidLabelValue(value), id)
				}
				require.Subset(t, slices.Collect(maps.Keys(o.Labels)), []string{
					"app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/component",
					"app.kubernetes.io/version", "app.kubernetes.io/managed-by", "helm.sh/chart",
				}, id)
			}
			for _, stage := range stages() {
				require.Len(t, slices.DeleteFunc(of[*apps.Deployment](all), func(d *apps.Deployment) bool {
					return d.Labels["app.kubernetes.io/component"] != stage
				}), 1, stage)
			}
		})
	}
}

// TestSelectors: each finds the pods that it is for, and no others.
func TestSelectors(t *testing.T) {
	t.Parallel()
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			finds := func(what string, selector map[string]string) {
				t.Helper()
				var found []string
				for _, p := range pods(all) {
					if labels.SelectorFromSet(selector).Matches(labels.Set(p.Labels)) {
						found = append(found, p.owner)
					}
				}
				require.Len(t, found, 1, what)
			}
			for _, x := range of[*apps.Deployment](all) {
				finds("Deployment "+x.Name, x.Spec.Selector.MatchLabels)
				require.Subset(t, x.Spec.Template.Labels, x.Spec.Selector.MatchLabels)
				for _, c := range x.Spec.Template.Spec.TopologySpreadConstraints {
					require.Equal(t, x.Spec.Selector.MatchLabels, c.LabelSelector.MatchLabels)
				}
			}
			for _, x := range of[*apps.StatefulSet](all) {
				finds("StatefulSet "+x.Name, x.Spec.Selector.MatchLabels)
			}
			for _, x := range of[*policy.PodDisruptionBudget](all) {
				finds("PodDisruptionBudget "+x.Name, x.Spec.Selector.MatchLabels)
			}
			for _, x := range of[*networking.NetworkPolicy](all) {
				finds("NetworkPolicy "+x.Name, x.Spec.PodSelector.MatchLabels)
			}
			for _, x := range of[*core.Service](all) {
				finds("Service "+x.Name, x.Spec.Selector)
			}
			require.Len(t, of[*policy.PodDisruptionBudget](all), len(stages()))
		})
	}
}

// TestPorts: what is called by a name is there under that name, and what has a Service
// is named by it.
func TestPorts(t *testing.T) {
	t.Parallel()
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			port := func(p pod, name string) bool {
				return slices.ContainsFunc(p.Containers, func(c core.Container) bool {
					return slices.ContainsFunc(c.Ports, func(x core.ContainerPort) bool { return x.Name == name })
				})
			}
			for _, s := range of[*core.Service](all) {
				for _, p := range pods(all) {
					if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
						require.True(t, port(p, s.Spec.Ports[0].TargetPort.StrVal), "Service %s", s.Name)
					}
				}
				if s.Spec.Type != "" { // the only one that may have an address
					require.Equal(t, "api", s.Spec.Ports[0].TargetPort.StrVal, "Service %s", s.Name)
				}
			}
			for _, m := range of[*serviceMonitor](all) {
				var found []string
				for _, s := range of[*core.Service](all) {
					if labels.SelectorFromSet(m.Spec.Selector.MatchLabels).Matches(labels.Set(s.Labels)) {
						require.Equal(t, m.Spec.Endpoints[0].Port, s.Spec.Ports[0].Name)
						require.Contains(t, s.Labels, m.Spec.JobLabel)
						found = append(found, s.Labels["app.kubernetes.io/component"])
					}
				}
				require.ElementsMatch(t, stages(), found, "each stage is scraped once")
			}
			for _, i := range of[*networking.Ingress](all) {
				backend := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service
				require.Equal(t, backend.Port.Name, named[*core.Service](t, all, backend.Name).Spec.Ports[0].Name)
			}
		})
	}
}

// TestScaling: who scales has something to scale, alone.
func TestScaling(t *testing.T) {
	t.Parallel()
	metrics := source(t, "../../../shared/service")
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			scaled := map[string]bool{}
			scale := func(kind, name string, least, most int32, behavior *autoscaling.HorizontalPodAutoscalerBehavior) {
				t.Helper()
				require.Equal(t, "Deployment", kind)
				require.False(t, scaled[name], "%s is scaled by two", name)
				scaled[name] = true
				require.Nil(t, named[*apps.Deployment](t, all, name).Spec.Replicas, "%s: two say how many replicas", name)
				require.LessOrEqual(t, least, most)
				require.GreaterOrEqual(t, *behavior.ScaleDown.StabilizationWindowSeconds, int32(300))
				require.NotEmpty(t, behavior.ScaleUp.Policies)
			}
			for _, x := range of[*autoscaling.HorizontalPodAutoscaler](all) {
				scale(x.Spec.ScaleTargetRef.Kind, x.Spec.ScaleTargetRef.Name, *x.Spec.MinReplicas, x.Spec.MaxReplicas, x.Spec.Behavior)
				target := named[*apps.Deployment](t, all, x.Spec.ScaleTargetRef.Name)
				require.False(t, target.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().IsZero(), "%s: a share of nothing", x.Name)
			}
			for _, x := range of[*scaledObject](all) {
				spec := x.Spec
				scale(spec.ScaleTargetRef.Kind, spec.ScaleTargetRef.Name, spec.MinReplicaCount, spec.MaxReplicaCount, &spec.Advanced.HorizontalPodAutoscalerConfig.Behavior)
				require.NotEmpty(t, spec.Triggers)
				for _, trigger := range spec.Triggers {
					require.Equal(t, "false", trigger.Metadata.IgnoreNullValues, "no answer of Prometheus is not a zero")
					threshold, err := strconv.Atoi(trigger.Metadata.Threshold)
					require.NoError(t, err)
					require.Positive(t, threshold)
					require.Contains(t, trigger.Metadata.Query, `stage="`+x.Labels["app.kubernetes.io/component"]+`"`)
					_, err = parser.NewParser(parser.Options{}).ParseExpr(trigger.Metadata.Query)
					require.NoError(t, err)
					for _, metric := range regexp.MustCompile(`postrider_\w+`).FindAllString(trigger.Metadata.Query, -1) {
						require.Contains(t, metrics, `"`+metric+`"`)
					}
				}
			}
			for _, x := range of[*apps.Deployment](all) {
				require.Equal(t, scaled[x.Name], x.Spec.Replicas == nil, x.Name)
			}
		})
	}
}

// source is the text of a package.
func source(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(folder + "/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		all.Write(text)
	}
	return all.String()
}

// TestReferences: what a pod names is made by the chart, or known to be the operator's.
func TestReferences(t *testing.T) {
	t.Parallel()
	// ConfigMaps and Secrets that the values of the tests name and somebody else makes.
	foreign := []string{
		"postrider", "proxy", "webhooks-tls", "rds-authorities", "postrider-db-app",
		"postrider-bootstrap", "postrider-ingest", "postrider-fanout", "postrider-deliver", "postrider-retry", "postrider-dlq",
	}
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			have := map[string]bool{}
			for _, o := range all {
				have[o.Kind+" "+o.Name] = true
			}
			for _, p := range pods(all) {
				for _, ref := range references(p) {
					if kind, name, _ := cut(ref); !have[ref] {
						require.NotEqual(t, "ServiceAccount", kind, "%s needs %s", p.owner, ref)
						require.Contains(t, foreign, name, "%s needs %s", p.owner, ref)
					}
				}
			}
		})
	}
}

// references are what must be there before a pod starts, as "Kind name".
func references(p pod) (all []string) {
	if p.ServiceAccountName != "" {
		all = append(all, "ServiceAccount "+p.ServiceAccountName)
	}
	for _, v := range p.Volumes {
		switch {
		case v.ConfigMap != nil:
			all = append(all, "ConfigMap "+v.ConfigMap.Name)
		case v.Secret != nil:
			all = append(all, "Secret "+v.Secret.SecretName)
		case v.Projected != nil:
			for _, s := range v.Projected.Sources {
				all = append(all, "Secret "+s.Secret.Name)
			}
		}
	}
	for _, c := range p.Containers {
		for _, e := range c.EnvFrom {
			all = append(all, "ConfigMap "+e.ConfigMapRef.Name)
		}
		for _, e := range c.Env {
			if e.ValueFrom != nil {
				all = append(all, "Secret "+e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	return all
}

// TestRestricted: every pod, those of the demo and of hooks too, is what Kubernetes'
// own standard "restricted" lets through, and has nothing to write to but volumes.
func TestRestricted(t *testing.T) {
	t.Parallel()
	judge, err := security.NewEvaluator(security.DefaultChecks(), nil)
	require.NoError(t, err)
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for _, p := range pods(all) {
				for _, result := range judge.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}, &p.ObjectMeta, &p.PodSpec) {
					require.True(t, result.Allowed, "%s: %s: %s", p.owner, result.ForbiddenReason, result.ForbiddenDetail)
				}
				require.NotNil(t, p.AutomountServiceAccountToken, p.owner)
				require.False(t, *p.AutomountServiceAccountToken, p.owner)
				// A Service named postrider would set POSTRIDER_PORT and others.
				require.NotNil(t, p.EnableServiceLinks, p.owner)
				require.False(t, *p.EnableServiceLinks, p.owner)
				for _, c := range p.Containers {
					require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, p.owner)
					require.False(t, c.Resources.Requests.Memory().IsZero(), p.owner)
					mounted := map[string]bool{}
					for _, m := range c.VolumeMounts {
						require.False(t, mounted[m.MountPath], "%s mounts two things at %s", p.owner, m.MountPath)
						mounted[m.MountPath] = true
						require.True(t, slices.ContainsFunc(p.Volumes, func(v core.Volume) bool { return v.Name == m.Name }) ||
							m.Name == "data", "%s mounts %s", p.owner, m.Name)
					}
				}
			}
		})
	}
}
