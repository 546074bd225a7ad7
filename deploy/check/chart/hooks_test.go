package chart

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	batch "k8s.io/api/batch/v1"
)

// cut is the two parts of a reference.
func cut(ref string) (kind, name string, ok bool) { return strings.Cut(ref, " ") }

const (
	hook     = "helm.sh/hook"
	weight   = "helm.sh/hook-weight"
	deletion = "helm.sh/hook-delete-policy"
)

// TestHooks: one that runs before the release needs nothing of it, is there again for
// the next upgrade, and what it needs of other hooks comes before it.
func TestHooks(t *testing.T) {
	t.Parallel()
	for installation, all := range each(t) {
		t.Run(installation, func(t *testing.T) {
			t.Parallel()
			for _, o := range all {
				events := o.Annotations[hook]
				if events == "" {
					continue
				}
				id := o.Kind + " " + o.Name
				require.Contains(t, o.Annotations[deletion], "before-hook-creation", "%s: the second time it would be there already", id)
				at, err := strconv.Atoi(o.Annotations[weight])
				require.NoError(t, err, id)
				for _, p := range pods(objects{o}) {
					for _, ref := range references(p) {
						if made, ok := find(all, ref); ok {
							require.Equal(t, events, made.Annotations[hook], "%s needs %s, which is there later", id, ref)
							before, err := strconv.Atoi(made.Annotations[weight])
							require.NoError(t, err)
							require.Less(t, before, at, "%s needs %s", id, ref)
						}
					}
					rules, ok := find(all, "NetworkPolicy "+o.Name)
					require.True(t, ok, id)
					require.Equal(t, events, rules.Annotations[hook], id)
					require.Less(t, rules.Annotations[weight], o.Annotations[weight], id) // "-10" before "0"
				}
			}
		})
	}
}

func find(all objects, ref string) (object, bool) {
	for _, o := range all {
		if o.Kind+" "+o.Name == ref {
			return o, true
		}
	}
	return object{}, false
}

// TestBootstrap: a hook where it can be one, else a Job of each revision, which cannot
// be changed.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	for name, isHook := range map[string]bool{"default": true, "production": true, "keda": true, "demo": false, "everything": false} {
		all := rendered(t, read(t, installations()[name]...))
		jobs := of[*batch.Job](all)
		require.Len(t, jobs, 1, name)
		require.Equal(t, isHook, jobs[0].Annotations[hook] == "pre-install,pre-upgrade", name)
		require.Equal(t, isHook, strings.HasSuffix(jobs[0].Name, "-bootstrap"), name)
		require.Equal(t, !isHook, strings.HasSuffix(jobs[0].Name, "-bootstrap-1"), name)
		require.Empty(t, jobs[0].Spec.Template.Spec.ServiceAccountName, name)
	}
}
