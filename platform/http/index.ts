export { startAdminServer } from './admin-server.ts';
export type { AdminServer, AdminServerOptions, PartReadiness, Readiness } from './admin-server.ts';
