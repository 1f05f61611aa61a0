// meshbed is Istio in one file, for tests: istiod, the sidecar agent and istioctl, each started as a process of its own
// by its first argument. Envoy is not in it: the agent starts it.
package main

import (
	"fmt"
	"os"

	meshconfig "istio.io/api/mesh/v1alpha1"
	istioctl "istio.io/istio/istioctl/cmd"
	agent "istio.io/istio/pilot/cmd/pilot-agent/app"
	discovery "istio.io/istio/pilot/cmd/pilot-discovery/app"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	if len(os.Args) < 2 {
		usage("no role given")
	}
	role := os.Args[1]
	os.Args = append([]string{role}, os.Args[2:]...)
	if err := run(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(role string) error {
	switch role {
	case "istiod":
		log.EnableKlogWithCobra()
		return discovery.NewRootCommand().Execute()
	case "agent":
		log.EnableKlogWithCobra()
		return agent.NewRootCommand(secretServer).Execute()
	case "istioctl":
		return istioctl.GetRootCmd(os.Args[1:]).Execute()
	}
	usage("unknown role " + role)
	return nil
}

func secretServer(options *security.Options, secrets security.SecretManager, key *meshconfig.PrivateKeyProvider) istioagent.SDSService {
	return sds.NewServer(options, secrets, key)
}

func usage(problem string) {
	fmt.Fprintf(os.Stderr, "%s\nusage: meshbed istiod|agent|istioctl [flags]\n", problem)
	os.Exit(2)
}
