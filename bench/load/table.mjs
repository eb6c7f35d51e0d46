/** A run's result for people. */

const us = (value) => (value < 1000 ? `${value.toFixed(0)} us` : value < 1e6 ? `${(value / 1000).toFixed(2)} ms` : `${(value / 1e6).toFixed(2)} s`);

function quantileLine(name, q) {
  const parts = ['p50', 'p90', 'p99', 'p999', 'p9999', 'max'].map((key) => `${key} ${us(q[key])}`);
  return `  ${name.padEnd(9)}${parts.join('   ')}   (${q.count.toLocaleString('en')} requests)`;
}

export function table(url, options, result) {
  const lines = [`${url}: ${options.openLoop ? `open loop, ${options.rate} requests/s` : 'closed loop'}, ${options.connections} connections, ${result.seconds.toFixed(1)} s`];
  lines.push(`  ${result.requests.toLocaleString('en')} right answers, ${result.rate.toFixed(0)} per second; ${(result.bytesIn / 1e6).toFixed(1)} MB in, ${(result.bytesOut / 1e6).toFixed(1)} MB out`);
  lines.push(quantileLine('latency', result.latencyUs));
  if (options.openLoop) {
    lines.push(quantileLine('service', result.serviceUs));
    const { lateMaxUs, lateShare, queuedShare } = result.scheduler;
    lines.push(`  scheduler at most ${us(lateMaxUs)} late, ${(lateShare * 100).toFixed(2)} % more than 100 us; ${(queuedShare * 100).toFixed(2)} % waited for a free connection`);
  }
  const { opened, fairness } = result.connections;
  lines.push(`  ${opened} connections opened; answers per client ${fairness.min} to ${fairness.max}, Jain index ${fairness.jain.toFixed(3)}`);
  if (options.tls) lines.push(`  TLS handshakes: ${result.handshakes.full} full, ${result.handshakes.resumed} resumed; ${result.handshakes.version}, ${result.handshakes.cipher}`);
  if (options.idleClients > 0) lines.push(`  idle clients: ${options.idleClients}, still open ${result.idle.open}, answered ${result.idle.answered}`);
  if (options.slowClients > 0) lines.push(`  slow clients: ${options.slowClients}, read ${result.slow.bytes} bytes`);
  if (result.errorTotal > 0) {
    const classes = Object.entries(result.errors).filter(([, count]) => count > 0);
    lines.push(`  VOID: ${result.errorTotal} errors: ${classes.map(([name, count]) => `${count} ${name}`).join(', ')}; the first: ${result.firstError}`);
  }
  return `${lines.join('\n')}\n`;
}
