import { type Kysely, sql } from "kysely";

/**
 * Which rollouts have passed a resting target by, and what it had then: what it catches up with when it is wanted again. Targets that
 * rest while this is applied get theirs from the reasons that were kept; those of before they last ran are over.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const column of ["passed_by_at", "passed_by"])
    await db.schema.alterTable("rollout_targets").addColumn(column, "text").execute();
  await db.schema
    .createIndex("rollout_targets_passed_by")
    .on("rollout_targets")
    .columns(["target_id", "passed_by_at"])
    .where("passed_by_at" as never, "is not", null)
    .execute();
  await sql`
    update rollout_targets set
      passed_by_at = updated_at,
      passed_by = case when to_release_number is null then "before" else (
        select '{"releaseNumber":' ||
          coalesce(coalesce(g.target_release_number, g.current_release_number) || '', 'null') ||
          ',"specDigest":null}'
        from targets g where g.target_id = rollout_targets.target_id) end
    where status = 'skipped' and attempt = 0
      and (reason like 'it is suspended, %' or reason like 'it is archived, %')
      and target_id in (
        select g.target_id from targets g
        where g.deleted_at is null and g.requested_state in ('suspended', 'archived'))
      and updated_at > coalesce((
        select max(o.created_at) from operations o
        where o.target_id = rollout_targets.target_id and o.status = 'succeeded'
          and o.kind in ('tenant_activate', 'tenant_reactivate', 'tenant_restore')), '')`.execute(db);
}
