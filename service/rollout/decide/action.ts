/**
 * What a rollout does next, as values. Carrying one out changes what `decide` sees, so that it is not decided again; `wakeAt` alone
 * changes nothing. Times are milliseconds since 1970.
 */
export type Action =
  /** The wave asks for its approval. */
  | { readonly kind: "awaitApproval"; readonly wave: number }
  | { readonly kind: "startWave"; readonly wave: number }
  /** pending → running. One that cannot begin now (another operation is on it) stays pending. */
  | { readonly kind: "start"; readonly wave: number; readonly targetIds: readonly string[] }
  /** pending → skipped. */
  | { readonly kind: "skip"; readonly targetIds: readonly string[]; readonly reason: string }
  /** pending → held. */
  | { readonly kind: "hold"; readonly targetIds: readonly string[]; readonly reason: string }
  /** baking → failed. */
  | { readonly kind: "fail"; readonly targetIds: readonly string[]; readonly reason: string }
  /** Every target of the wave has ended; those that bake are watched until then. */
  | { readonly kind: "startBake"; readonly wave: number; readonly until: number }
  /** baking → succeeded: healthy when its bake was over. */
  | { readonly kind: "endBake"; readonly wave: number; readonly targetIds: readonly string[] }
  | { readonly kind: "endWave"; readonly wave: number }
  /** running → halted. */
  | { readonly kind: "halt"; readonly wave: number; readonly reason: string }
  /** running → rolling_back; whatever has begun is asked to be rolled back, whatever has not is skipped. */
  | { readonly kind: "beginRollback"; readonly wave: number; readonly reason: string }
  /** → rolling_back: what each target had before is brought back. */
  | { readonly kind: "rollBack"; readonly targetIds: readonly string[] }
  | { readonly kind: "stuck"; readonly targetIds: readonly string[]; readonly reason: string }
  | { readonly kind: "unstuck" }
  | { readonly kind: "finish"; readonly status: FinishStatus; readonly reason: string | null }
  /** Look again then, if nothing happens before. */
  | { readonly kind: "wakeAt"; readonly at: number };

export type FinishStatus = "succeeded" | "failed" | "cancelled" | "rolled_back";
