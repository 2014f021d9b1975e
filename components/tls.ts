/** TLS 1.3, and 1.2 with forward secrecy only: of every listener. */
export const RECENT_TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";
