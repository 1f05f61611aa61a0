/** The page that lists every hazard that is found in what runs in a cluster, from the codes of the families. */
import { FAMILIES } from '../src/istio/hazards/catalogue.ts';

export function renderHazardIndex(): string {
  const sections = FAMILIES.map(({ about, codes }) => {
    const rows = codes.map(({ code, severity, title }) => `| [\`${code}\`](${code}.md) | ${severity} | ${title} |`);
    return [`## ${about}`, '', '| code | severity | what it is |', '| --- | --- | --- |', ...rows].join('\n');
  });
  return `${[HEAD, ...sections, TAIL].join('\n\n')}\n`;
}

const HEAD = `# Hazards

<!-- Generated from src/istio/hazards by \`npm run generate\`. Do not edit. -->

What will break, or make an answer wrong, when a scope goes STRICT, found in the objects of the cluster before anything is
touched. Each code has a page: what breaks, how to see it by hand, how to fix it. A code never changes its meaning.

A \`Block\` holds the steps it concerns until it is gone or its code stands in \`spec.preflight.accept\`; \`Warn\` and \`Info\`
hold nothing. All of them stand in \`status.hazards\` (the worst 20), in \`kubectl mtlsrollout plan\` and, alone, in
\`kubectl mtlsrollout hazards\`. The operator looks before a step begins, every minute while one holds it, and for the whole
plan in mode \`Plan\`. Hazards of the rollout itself and of policies are [listed with the reasons](../operations.md#hazards).`;

const TAIL = `## What no object shows

| what | who sees it |
| --- | --- |
| clients without sidecar that no manifest names: machines outside the cluster, people, scripts | the probe [\`plaintextTraffic\`](../probes.md#plaintexttraffic), by source |
| meshed clients that call pods by address | the probes \`plaintextTraffic\`, before, and [\`trafficDrop\`](../probes.md#trafficdrop), after |
| calls through the API server (\`kubectl proxy\`, \`/services/…/proxy\`): they reach the pod in plaintext and are refused; \`kubectl port-forward\` goes on working | \`plaintextTraffic\`, while somebody makes them |
| \`curl\` at the address of a pod from a pod without sidecar, as people do to debug: refused under STRICT | nobody |
| proxies that have lost their control plane: no policy reaches them | the probe [\`enforcement\`](../probes.md#enforcement) |
| another root certificate in another cluster of the mesh, or one that is about to expire: mutual TLS fails there under PERMISSIVE too | the control plane's own metrics |`;
