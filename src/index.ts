/** What a `millrace.config.ts` imports. */
export { defineConfig, type ConfigDefinition } from './config/define.ts';
export type { ConfigInput } from './config/schema.ts';
export type {
  ActionConfig,
  ClusterConfig,
  Config,
  EndpointConfig,
  ListenerConfig,
  MatchConfig,
  RouteConfig,
  VirtualHostConfig,
} from './config/types.ts';
