package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// imageEnvironment is what the Dockerfile sets.
func imageEnvironment(t *testing.T) []string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ENV (.*)$`).FindStringSubmatch(readFile(t, "../../Dockerfile"))
	if line == nil {
		t.Fatal("the Dockerfile sets no environment")
	}
	return strings.Fields(line[1])
}

// accepted loads the settings that a container gets and checks its ports.
func accepted(t *testing.T, env, ports []string) *Config {
	t.Helper()
	c, err := loadConfig(nil, append(imageEnvironment(t), env...))
	if err != nil {
		t.Fatalf("%q: %v", env, err)
	}
	for _, addr := range []string{c.Addr, c.HTTPAddr, c.PeerAddr} {
		if _, port, _ := strings.Cut(addr, ":"); !slices.Contains(ports, port) {
			t.Errorf("%s listens on %s, which is not among the ports %q", c.ID, addr, ports)
		}
	}
	return c
}

func TestImageNeedsOnlyAPassword(t *testing.T) {
	exposed := regexp.MustCompile(`(?m)^EXPOSE (.*)$`).FindStringSubmatch(readFile(t, "../../Dockerfile"))
	accepted(t, []string{"REDOUBT_REQUIREPASS=x"}, strings.Fields(exposed[1]))
	_, err := loadConfig(nil, imageEnvironment(t))
	if err == nil || !strings.Contains(err.Error(), "set --requirepass") {
		t.Errorf("without a password the image says: %v", err)
	}
}

func TestComposeFile(t *testing.T) {
	var file struct {
		Services map[string]struct {
			Image       string
			Environment map[string]string
			Ports       []string
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "../../docker-compose.yml")), &file); err != nil {
		t.Fatal(err)
	}
	targets, nodes := readFile(t, "../../deploy/compose/targets.yml"), 0
	for name, s := range file.Services {
		for _, v := range s.Volumes {
			if source, _, _ := strings.Cut(v, ":"); strings.HasPrefix(source, "./") {
				if _, err := os.Stat("../../" + source); err != nil {
					t.Errorf("%s mounts %s: %v", name, source, err)
				}
			}
		}
		if s.Image != "redoubt:local" {
			continue
		}
		nodes++
		var env []string
		for key, value := range s.Environment {
			env = append(env, key+"="+value)
		}
		c := accepted(t, env, []string{"6379", "7379", "16379"})
		if c.ID != name || len(c.Bootstrap.Members) != 3 {
			t.Errorf("service %s is node %s of %d", name, c.ID, len(c.Bootstrap.Members))
		}
		for _, m := range c.Bootstrap.Members {
			if string(m.ID) != name {
				continue
			}
			// Clients come by the published port, nodes by the name of the service.
			_, port, _ := strings.Cut(m.Addr, ":")
			if want := "127.0.0.1:" + port + ":6379"; !slices.Contains(s.Ports, want) || m.PeerAddr != name+":16379" {
				t.Errorf("%s is announced as %s and %s, its ports are %q", name, m.Addr, m.PeerAddr, s.Ports)
			}
		}
		if !strings.Contains(targets, `"`+name+`:7379"`) {
			t.Errorf("Prometheus does not know of %s", name)
		}
	}
	if nodes != 3 {
		t.Errorf("%d nodes", nodes)
	}
}

// kubeObject is what the test looks at in a manifest.
type kubeObject struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		ServiceName string `yaml:"serviceName"`
		Replicas    int
		Selector    any
		Template    struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Containers []struct {
					Env []struct {
						Name  string
						Value string
					}
					Ports []struct {
						Name          string
						ContainerPort string `yaml:"containerPort"`
					}
					LivenessProbe struct {
						HTTPGet struct{ Path string } `yaml:"httpGet"`
					} `yaml:"livenessProbe"`
					ReadinessProbe struct {
						HTTPGet struct{ Path string } `yaml:"httpGet"`
					} `yaml:"readinessProbe"`
				}
			}
		}
	}
}

func TestKubernetesManifest(t *testing.T) {
	services := map[string]bool{}
	var set *kubeObject
	for d := yaml.NewDecoder(bytes.NewReader([]byte(readFile(t, "../../deploy/kubernetes.yaml")))); ; {
		var o kubeObject
		if err := d.Decode(&o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch o.Kind {
		case "Service":
			services[o.Metadata.Name] = true
		case "StatefulSet":
			set = &o
		}
	}
	if set == nil || !services[set.Spec.ServiceName] {
		t.Fatalf("services %v, stateful set %+v", services, set)
	}
	container := set.Spec.Template.Spec.Containers[0]
	var ports []string
	for _, p := range container.Ports {
		ports = append(ports, p.ContainerPort)
	}
	pod := func(number int) *Config {
		var env []string
		name := fmt.Sprint(set.Metadata.Name, "-", number)
		for _, v := range container.Env {
			if v.Value == "" {
				v.Value = map[string]string{"REDOUBT_ID": name}[v.Name] // else a secret
				if v.Value == "" {
					v.Value = "secret"
				}
			}
			env = append(env, v.Name+"="+strings.ReplaceAll(v.Value, "$(REDOUBT_ID)", name))
		}
		return accepted(t, env, ports)
	}
	c := pod(0)
	if len(c.Bootstrap.Members) != set.Spec.Replicas {
		t.Errorf("%d members, %d replicas", len(c.Bootstrap.Members), set.Spec.Replicas)
	}
	for _, m := range c.Bootstrap.Members {
		if !strings.HasPrefix(m.Addr, string(m.ID)+"."+set.Spec.ServiceName+":") {
			t.Errorf("%s cannot be reached as %s", m.ID, m.Addr)
		}
	}
	// A pod more than the list has joins the others.
	more := pod(set.Spec.Replicas)
	if !more.joins() || string(more.Self.ID) != more.ID || !strings.HasPrefix(more.Self.PeerAddr, more.ID+"."+set.Spec.ServiceName+":") {
		t.Errorf("a pod more: %+v", more.Self)
	}
	for _, addr := range more.seeds() {
		if host, _, _ := strings.Cut(addr, ":"); !services[host] {
			t.Errorf("there is no service %s to join at", host)
		}
	}
	if container.LivenessProbe.HTTPGet.Path != "/livez" || container.ReadinessProbe.HTTPGet.Path != "/readyz" {
		t.Errorf("probes: %+v %+v", container.LivenessProbe, container.ReadinessProbe)
	}
}

// The unit must name settings that exist, and leave alone what starting again
// does not mend.
func TestSystemdUnit(t *testing.T) {
	unit := readFile(t, "../../deploy/redoubt.service")
	start := regexp.MustCompile(`(?m)^ExecStart=.*$`).FindString(unit)
	for _, flag := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(start, -1) {
		if _, ok := lookupSetting(flag[1]); !ok {
			t.Errorf("--%s is not a setting", flag[1])
		}
	}
	if !strings.Contains(unit, "RestartPreventExitStatus=2 3 74\n") || exitUsage != 2 || exitRefused != 3 || exitDisk != 74 {
		t.Error("the exit codes of the unit are not those of the program")
	}
	if strings.Contains(unit, "\nProcSubset=") {
		t.Error("without /proc/stat there is no process_start_time_seconds, on which an alert rests")
	}
	if !strings.Contains(unit, "Environment=GOTRACEBACK=crash\n") {
		t.Error("a node that has crashed, with code 2, is not started again")
	}
}

// The file with the password and that with the secret are root's alone: the node,
// another user, has copies that systemd makes, and reads nothing of /etc.
func TestSystemdUnitKeepsSecrets(t *testing.T) {
	unit := readFile(t, "../../deploy/redoubt.service")
	start := regexp.MustCompile(`(?m)^ExecStart=.*$`).FindString(unit)
	if strings.Contains(start, "/etc/") || !strings.Contains(start, " --config ${CREDENTIALS_DIRECTORY}/redoubt.conf ") {
		t.Errorf("the settings are no credential: %s", start)
	}
	for _, file := range []string{"redoubt.conf", "secret"} {
		for _, line := range []string{"LoadCredential=" + file + ":/etc/redoubt/" + file, "#   install -m 0600 -D " + file + " /etc/redoubt/" + file} {
			if !strings.Contains(unit, "\n"+line+"\n") {
				t.Errorf("no line %q", line)
			}
		}
	}
	// What the unit and the page tell to write.
	const secret = "cluster-secret-file /run/credentials/redoubt.service/secret\n"
	if !strings.Contains(unit, secret) || !strings.Contains(readFile(t, "../../docs/OPERATIONS.md"), "\n"+secret) {
		t.Errorf("the settings have to say %q", secret)
	}
}
