package chart

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	autoscaling "k8s.io/api/autoscaling/v2"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// object is one that the chart renders: decoded is of Kubernetes' type, or of one of
// those below.
type object struct {
	meta.TypeMeta
	meta.ObjectMeta `json:"metadata"`

	file    string
	decoded any
}

type objects []object

// decode refuses unknown and double fields, and values of wrong types.
func decode(t *testing.T, file, text string) object {
	t.Helper()
	var o object
	require.NoError(t, yaml.Unmarshal([]byte(text), &o), "%s:\n%s", file, text)
	o.file = file
	require.NotEmpty(t, o.Name, "%s:\n%s", file, text)
	if own := ownType(o.APIVersion + " " + o.Kind); own != nil {
		require.NoError(t, unmarshal(text, own), "%s: %s %s", file, o.Kind, o.Name)
		o.decoded = own
		return o
	}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, serializer.SerializerOptions{Yaml: true, Strict: true})
	decoded, _, err := strict.Decode([]byte(text), nil, nil)
	require.NoError(t, err, "%s: %s %s", file, o.Kind, o.Name)
	o.decoded = decoded
	return o
}

// unmarshal is as strict as an API server: what is to be text is not a number or true.
func unmarshal(text string, into any) error {
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// ownType is a type for what is not Kubernetes' own, with the fields that the chart
// and its examples may use; nil for what is.
func ownType(name string) any {
	switch name {
	case "keda.sh/v1alpha1 ScaledObject":
		return &scaledObject{}
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return &serviceMonitor{}
	case "monitoring.coreos.com/v1 PrometheusRule":
		return &prometheusRule{}
	case "postgresql.cnpg.io/v1 Cluster":
		return &postgresCluster{}
	default:
		return nil
	}
}

type head struct {
	meta.TypeMeta
	meta.ObjectMeta `json:"metadata"`
}

// scaledObject is KEDA's.
type scaledObject struct {
	head

	Spec struct {
		ScaleTargetRef  autoscaling.CrossVersionObjectReference `json:"scaleTargetRef"`
		PollingInterval int32                                   `json:"pollingInterval"`
		MinReplicaCount int32                                   `json:"minReplicaCount"`
		MaxReplicaCount int32                                   `json:"maxReplicaCount"`
		Advanced        struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior autoscaling.HorizontalPodAutoscalerBehavior `json:"behavior"`
			} `json:"horizontalPodAutoscalerConfig"`
		} `json:"advanced"`
		Triggers []struct {
			Type       string                       `json:"type"`
			Name       string                       `json:"name"`
			MetricType autoscaling.MetricTargetType `json:"metricType"`
			Metadata   struct {                     // of a trigger of the type prometheus; all text
				ServerAddress    string `json:"serverAddress"`
				Query            string `json:"query"`
				Threshold        string `json:"threshold"`
				IgnoreNullValues string `json:"ignoreNullValues"`
			} `json:"metadata"`
			AuthenticationRef *struct {
				Name string `json:"name"`
				Kind string `json:"kind"`
			} `json:"authenticationRef"`
		} `json:"triggers"`
	} `json:"spec"`
}

// serviceMonitor is the Prometheus Operator's.
type serviceMonitor struct {
	head

	Spec struct {
		JobLabel  string             `json:"jobLabel"`
		Selector  meta.LabelSelector `json:"selector"`
		Endpoints []struct {
			Port     string `json:"port"`
			Path     string `json:"path"`
			Interval string `json:"interval"`
		} `json:"endpoints"`
	} `json:"spec"`
}

// prometheusRule is the Prometheus Operator's.
type prometheusRule struct {
	head

	Spec struct {
		Groups []struct {
			Name     string `json:"name"`
			Interval string `json:"interval"`
			Rules    []struct {
				Record      string            `json:"record"`
				Alert       string            `json:"alert"`
				Expr        string            `json:"expr"`
				For         string            `json:"for"`
				Labels      map[string]string `json:"labels"`
				Annotations map[string]string `json:"annotations"`
			} `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

// postgresCluster is CloudNativePG's.
type postgresCluster struct {
	head

	Spec struct {
		Instances             int    `json:"instances"`
		ImageName             string `json:"imageName"`
		PrimaryUpdateStrategy string `json:"primaryUpdateStrategy"`
		Bootstrap             struct {
			InitDB struct {
				Database string `json:"database"`
				Owner    string `json:"owner"`
			} `json:"initdb"`
		} `json:"bootstrap"`
		Managed struct {
			Roles []struct {
				Name           string `json:"name"`
				Ensure         string `json:"ensure"`
				Login          bool   `json:"login"`
				PasswordSecret struct {
					Name string `json:"name"`
				} `json:"passwordSecret"`
			} `json:"roles"`
		} `json:"managed"`
		PostgreSQL struct {
			Parameters  map[string]string `json:"parameters"`
			Synchronous struct {
				Method string `json:"method"`
				Number int    `json:"number"`
			} `json:"synchronous"`
		} `json:"postgresql"`
		Storage struct {
			Size         string `json:"size"`
			StorageClass string `json:"storageClass"`
		} `json:"storage"`
		WalStorage struct {
			Size         string `json:"size"`
			StorageClass string `json:"storageClass"`
		} `json:"walStorage"`
		Resources struct {
			Requests map[string]string `json:"requests"`
			Limits   map[string]string `json:"limits"`
		} `json:"resources"`
		Monitoring struct {
			EnablePodMonitor bool `json:"enablePodMonitor"`
		} `json:"monitoring"`
	} `json:"spec"`
}

// of are the objects of a type, with what is around them.
func of[T any](all objects) (found []T) {
	for _, o := range all {
		if x, ok := o.decoded.(T); ok {
			found = append(found, x)
		}
	}
	return found
}

// named is the object of a type and name.
func named[T any](t *testing.T, all objects, name string) T {
	t.Helper()
	for _, o := range all {
		if x, ok := o.decoded.(T); ok && o.Name == name {
			return x
		}
	}
	var none T
	require.Failf(t, "nothing", "no %T is called %s", none, name)
	return none
}
