/** What the mesh needs of the machine, and what of it is not there. */
import { execFileSync, spawnSync } from 'node:child_process';

/** Program → where it comes from. */
const PROGRAMS: Record<string, string> = {
  go: 'Go 1.26 or newer',
  openssl: 'package openssl',
  python3: 'package python3-pip',
  ip: 'package iproute2',
  iptables: 'package iptables',
  nsenter: 'package util-linux',
  setpriv: 'package util-linux',
  unshare: 'package util-linux',
  curl: 'package curl',
  prometheus: 'package prometheus',
};

/** One line for each part of this machine that is missing, with what to do about it; none: a mesh can run here. */
export function missing(): string[] {
  if (process.platform !== 'linux') return [`pods are Linux network namespaces, and this is ${process.platform}`];
  const absent = Object.entries(PROGRAMS).filter(([program]) => !isThere(program));
  const lines = absent.map(([program, source]) => `there is no "${program}" in PATH (${source})`);
  if (process.getuid?.() !== 0) lines.push('network namespaces and interception need root: run it as root');
  else if (['unshare', 'ip', 'iptables'].every(isThere) && !mayUnshare()) {
    lines.push('this machine does not let root make namespaces (a container without CAP_SYS_ADMIN?)');
  }
  if (isThere('python3') && spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) {
    lines.push('python3 has no pip, which brings Envoy (package python3-pip)');
  }
  return lines;
}

function isThere(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v "$0"', program]).status === 0;
}

function mayUnshare(): boolean {
  try {
    const inside = 'ip link set lo up && ip link add one type veth peer name two && iptables -t nat -S';
    execFileSync('unshare', ['--net', '--mount', '--pid', '--fork', 'sh', '-c', inside], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
