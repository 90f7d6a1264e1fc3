package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const manifests = "../../../deploy/kubernetes"

// drain is how long a server that was told to stop lets requests in flight go on.
const drain = 30

// decode reads objects of Kubernetes, and refuses a field that it does not know.
func decode(t *testing.T, text []byte) (objects []runtime.Object) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme,
		corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		object, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Errorf("%v in\n%s", err, document)
			continue
		}
		objects = append(objects, object)
	}
	return objects
}

// built is what `kubectl apply -k` sends.
func built(t *testing.T) []runtime.Object {
	t.Helper()
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), manifests)
	if err != nil {
		t.Fatal(err)
	}
	text, err := all.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return decode(t, text)
}

// only is the one object of a type.
func only[T any](t *testing.T, objects []runtime.Object) (found T) {
	t.Helper()
	var n int
	for _, o := range objects {
		if v, ok := o.(T); ok {
			found = v
			n++
		}
	}
	if n != 1 {
		t.Fatalf("there are %d of %T, want 1", n, found)
	}
	return found
}

// Kubernetes knows every field of every file, those besides the kustomization too.
func TestManifests(t *testing.T) {
	paths, err := filepath.Glob(manifests + "/*.yaml")
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d manifests, %v", len(paths), err)
	}
	for _, path := range paths {
		if filepath.Base(path) == "kustomization.yaml" {
			continue // built does
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(decode(t, text)); got != 1 {
			t.Errorf("%s has %d objects", path, got)
		}
	}
	if got := len(built(t)); got < 6 {
		t.Errorf("%d objects are applied", got)
	}
}

// A decoder that takes anything would prove nothing.
func TestDecoderRefuses(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	_, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().
		Decode([]byte("apiVersion: v1\nkind: Service\nspec: {port: [{}]}"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "port") {
		t.Errorf("an unknown field: %v", err)
	}
}

// Everything that selects the nodes selects them: a policy or a budget for nobody is
// no error to Kubernetes.
func TestSelectors(t *testing.T) {
	objects := built(t)
	pods := labels.Set(only[*appsv1.Deployment](t, objects).Spec.Template.Labels)
	spec := only[*appsv1.Deployment](t, objects).Spec
	selectors := map[string]*metav1.LabelSelector{
		"the deployment":        spec.Selector,
		"the disruption budget": only[*policyv1.PodDisruptionBudget](t, objects).Spec.Selector,
		"the network policy":    &only[*networkingv1.NetworkPolicy](t, objects).Spec.PodSelector,
		"the service":           {MatchLabels: only[*corev1.Service](t, objects).Spec.Selector},
	}
	for _, spread := range spec.Template.Spec.TopologySpreadConstraints {
		selectors["the spread over "+spread.TopologyKey] = spread.LabelSelector
	}
	if len(selectors) != 6 {
		t.Errorf("%d selectors, want 6", len(selectors))
	}
	for name, s := range selectors {
		selector, err := metav1.LabelSelectorAsSelector(s)
		if err != nil || selector.Empty() || !selector.Matches(pods) {
			t.Errorf("%s selects %v, not the pods %v (%v)", name, selector, pods, err)
		}
	}
}

// Ports are referred to by names that exist.
func TestPorts(t *testing.T) {
	objects := built(t)
	container := only[*appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0]
	port := container.Ports[0]
	service := only[*corev1.Service](t, objects).Spec.Ports[0].TargetPort.StrVal
	policy := only[*networkingv1.NetworkPolicy](t, objects).Spec.Ingress[0].Ports[0].Port.StrVal
	if port.ContainerPort != 8080 || service != port.Name || policy != port.Name {
		t.Errorf("the container has %s:%d, the service asks for %q, the policy for %q", port.Name, port.ContainerPort, service, policy)
	}
	for probe, path := range map[*corev1.Probe]string{container.ReadinessProbe: "/readyz", container.LivenessProbe: "/healthz", container.StartupProbe: "/healthz"} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Port.StrVal != port.Name || probe.HTTPGet.Path != path {
			t.Errorf("a probe is %v, want %s", probe, path)
		}
	}
}

// Prometheus finds the metrics where the nodes serve them, and only it is let in there.
func TestMetricsPort(t *testing.T) {
	objects := built(t)
	template := only[*appsv1.Deployment](t, objects).Spec.Template
	container := template.Spec.Containers[0]
	port, listens := container.Ports[1], ""
	for _, e := range container.Env {
		if e.Name == "UPLOADD_METRICS_LISTEN" {
			listens = e.Value
		}
	}
	if want := fmt.Sprint(port.ContainerPort); port.Name != "metrics" || listens != ":"+want || template.Annotations["prometheus.io/port"] != want {
		t.Errorf("the container has %s:%s, listens on %q, and is marked with %v", port.Name, want, listens, template.Annotations)
	}
	if path, scrape := template.Annotations["prometheus.io/path"], template.Annotations["prometheus.io/scrape"]; path != "/metrics" || scrape != "true" {
		t.Errorf("the path is %q, to be scraped %q", path, scrape)
	}
	ingress := only[*networkingv1.NetworkPolicy](t, objects).Spec.Ingress
	for _, rule := range ingress {
		who := rule.From[0].NamespaceSelector.MatchLabels
		if _, scrapes := who["uploadd.example.com/metrics"]; len(rule.Ports) != 1 || scrapes != (rule.Ports[0].Port.StrVal == port.Name) {
			t.Errorf("%v may reach %v", who, rule.Ports)
		}
	}
	if len(ingress) != 2 {
		t.Errorf("%d rules of who may come in, want 2", len(ingress))
	}
	for _, p := range only[*corev1.Service](t, objects).Spec.Ports {
		if p.TargetPort.StrVal == port.Name {
			t.Error("the service leads clients to the metrics")
		}
	}
}

// A node that is told to stop is sent nobody any more, and ends what it has begun.
func TestGrace(t *testing.T) {
	d := only[*appsv1.Deployment](t, built(t)).Spec
	before := d.Template.Spec.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	if whole := *d.Template.Spec.TerminationGracePeriodSeconds; before < 1 || whole < before+drain+5 {
		t.Errorf("%d seconds in all, %d of them before the drain of %d", whole, before, drain)
	}
	if d.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 || *d.Replicas < 2 {
		t.Errorf("an upgrade leaves no node: %v of %d", d.Strategy.RollingUpdate, *d.Replicas)
	}
}

// No pod has a right that it does not need.
func TestRights(t *testing.T) {
	text, err := os.ReadFile(manifests + "/first-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pods := map[string]corev1.PodSpec{
		"the deployment": only[*appsv1.Deployment](t, built(t)).Spec.Template.Spec,
		"the first key":  only[*batchv1.Job](t, decode(t, text)).Spec.Template.Spec,
	}
	for name, pod := range pods {
		p, c := pod.SecurityContext, pod.Containers[0].SecurityContext
		if p == nil || c == nil {
			t.Errorf("%s has no security context", name)
			continue
		}
		if !*p.RunAsNonRoot || *p.RunAsUser == 0 || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("%s runs as %v", name, p)
		}
		if *c.AllowPrivilegeEscalation || !*c.ReadOnlyRootFilesystem || c.Privileged != nil || len(c.Capabilities.Add) != 0 ||
			len(c.Capabilities.Drop) != 1 || c.Capabilities.Drop[0] != "ALL" {
			t.Errorf("%s may %v", name, c)
		}
		if *pod.AutomountServiceAccountToken {
			t.Errorf("%s is given a token of Kubernetes", name)
		}
	}
}

// The job that makes the first key and the nodes use the same image and the same bytes.
func TestFirstKey(t *testing.T) {
	text, err := os.ReadFile(manifests + "/first-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects := built(t)
	job := only[*batchv1.Job](t, decode(t, text)).Spec.Template.Spec.Containers[0]
	node := only[*appsv1.Deployment](t, objects).Spec.Template.Spec.Containers[0]
	if job.Image != node.Image {
		t.Errorf("the job runs %s, the nodes %s", job.Image, node.Image)
	}
	blobs := only[*corev1.ConfigMap](t, objects).Data["UPLOADD_BLOBS"]
	for _, e := range job.Env {
		if e.Name == "UPLOADD_BLOBS" && e.Value != blobs {
			t.Errorf("the job has %s, the nodes %s", e.Value, blobs)
		}
	}
}
