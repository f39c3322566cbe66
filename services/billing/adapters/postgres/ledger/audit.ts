/** Kept under this name for those who check the books after a test: the audit of all laws. */
export { postgresAudit } from '../verify/audit.ts';
