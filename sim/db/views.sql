-- SPDX-License-Identifier: MIT
-- Numbers of runs in one tidy form, for data frames and plots. Views only: a database of this schema
-- version that was made without them gets them when it is next written.

-- Every knob of a run as a number where it is one, else (a choice) as text.
CREATE VIEW IF NOT EXISTS knob_value AS
  SELECT run, path, CASE WHEN value <> '' AND value NOT GLOB '*[^0-9]*' THEN CAST(value AS INTEGER) ELSE value END AS value,
         unit, set_by
    FROM knob;

-- The metrics that --metric takes, one row each: op:NAME.mean|p50|p90|p99|n|total, part:OP/ACCOUNT.mean|n|total|share and
-- counter:NAME. Times are ns. Accesses and walks are the guest's, a time line is the vCPUs', of all else every actor counts.
CREATE VIEW IF NOT EXISTS metric AS
  WITH RECURSIVE
  octave (width) AS (VALUES (1) UNION ALL SELECT width * 2 FROM octave WHERE width < 1 << 55),
  counted AS (
    SELECT run, op, actor, n, total_ps, min_ps, max_ps, p50_ps, p90_ps, p99_ps FROM op
     WHERE CASE WHEN op LIKE 'access.%' OR op = 'walk' THEN actor GLOB 'vcpu*/guest'
                WHEN op = 'timeline' THEN actor GLOB 'vcpu*' AND instr(actor, '/') = 0 ELSE 1 END),
  per_op AS (SELECT run, op, sum(n) AS n, sum(total_ps) AS total_ps FROM counted GROUP BY run, op),
  seen AS (
    SELECT run, op, count(*) AS actors, sum(n) AS n, min(min_ps) AS least, max(max_ps) AS most,
           max(p50_ps) AS p50, max(p90_ps) AS p90, max(p99_ps) AS p99
      FROM counted WHERE n > 0 GROUP BY run, op),
  quantile (name, per_mille) AS (VALUES ('p50', 500), ('p90', 900), ('p99', 990)),
  within AS (
    SELECT p.run, p.op, p.account AS item, p.n, p.total_ps FROM part p JOIN counted c USING (run, actor, op)
    UNION ALL
    SELECT p.run, p.op, p.child, p.n, p.total_ps FROM child p JOIN counted c USING (run, actor, op)),
  per_item AS (SELECT run, op, item, sum(n) AS n, sum(total_ps) AS total_ps FROM within GROUP BY run, op, item)
  SELECT run, 'op:' || op || '.mean' AS metric, total_ps / 1e3 / nullif(n, 0) AS value, 'ns' AS unit FROM per_op
  UNION ALL SELECT run, 'op:' || op || '.n', n, 'count' FROM per_op
  UNION ALL SELECT run, 'op:' || op || '.total', total_ps / 1e3, 'ns' FROM per_op
  UNION ALL
  SELECT s.run, 'op:' || s.op || '.' || q.name,
         CASE WHEN s.actors = 1 THEN CASE q.name WHEN 'p50' THEN s.p50 WHEN 'p90' THEN s.p90 ELSE s.p99 END
              ELSE max(s.least, min(s.most, ( -- of all actors' durations together: the middle of its bucket
                SELECT b.low_ps + coalesce((SELECT width / 2 FROM octave WHERE b.low_ps BETWEEN 128 * width AND 256 * width - 1), 0)
                  FROM (SELECT h.low_ps, sum(sum(h.n)) OVER (ORDER BY h.low_ps) AS upto
                          FROM histogram h JOIN counted c USING (run, actor, op) WHERE h.run = s.run AND h.op = s.op
                         GROUP BY h.low_ps) b
                 WHERE b.upto >= s.n / 1000 * q.per_mille + (s.n % 1000 * q.per_mille + 999) / 1000
                 ORDER BY b.low_ps LIMIT 1))) END / 1e3, 'ns'
    FROM seen s CROSS JOIN quantile q
  UNION ALL
  SELECT i.run, 'part:' || i.op || '/' || i.item || '.mean', i.total_ps / 1e3 / nullif(o.n, 0), 'ns'
    FROM per_item i JOIN per_op o USING (run, op)
  UNION ALL SELECT run, 'part:' || op || '/' || item || '.n', n, 'count' FROM per_item
  UNION ALL SELECT run, 'part:' || op || '/' || item || '.total', total_ps / 1e3, 'ns' FROM per_item
  UNION ALL
  SELECT i.run, 'part:' || i.op || '/' || i.item || '.share', 1.0 * i.total_ps / nullif(o.total_ps, 0), 'ratio'
    FROM per_item i JOIN per_op o USING (run, op)
  UNION ALL SELECT run, 'counter:' || name, sum(value), max(unit) FROM counter GROUP BY run, name;

-- The points of sweeps, a row for each varied or derived value: `number` where it is one. A run may belong to several.
CREATE VIEW IF NOT EXISTS sweep_point AS
  SELECT substr(p.key, 7, instr(p.key, '/') - 7) AS sweep, CAST(substr(p.key, instr(p.key, '/') + 1) AS INTEGER) AS point,
         run, machine, seed, path, value,
         CASE WHEN value NOT GLOB '*[^0-9]*' AND value <> '' THEN CAST(value AS REAL) END AS number
    FROM (SELECT p.key, p.run, r.machine, r.seed, v.key AS path,
                 coalesce((SELECT k.value FROM knob k WHERE k.run = p.run AND k.path = v.key), v.value) AS value
            FROM provenance p JOIN run r ON r.run = p.run JOIN json_each(p.value, '$.vary') v
           WHERE p.key LIKE 'sweep.%/%') p;

-- What a run's vCPUs got done: instructions of their guests a cycle in which they were not idle, the share of their time in
-- which they were not, and the run time of the same work on bare metal, as a percentage of theirs. The same work: workload
-- or trace, seed, parameters; bare metal: the newest run on the machine PART_native of this run's PART_....
CREATE VIEW IF NOT EXISTS work_rate AS
  WITH w AS (
    SELECT r.run, r.machine, r.workload, r.input_hash, r.seed, r.end_ps - r.roi_ps AS ps,
           (SELECT CAST(k.value AS INTEGER) FROM knob k WHERE k.run = r.run AND k.path = 'cpu.clock.mhz') AS mhz,
           (SELECT sum(c.value) FROM counter c
             WHERE c.run = r.run AND c.name = 'cpu.instructions' AND c.actor GLOB 'vcpu*/guest') AS instructions,
           (SELECT sum(o.total_ps) FROM op o
             WHERE o.run = r.run AND o.op = 'timeline' AND o.actor GLOB 'vcpu*' AND instr(o.actor, '/') = 0) AS line_ps,
           (SELECT total(p.total_ps) FROM part p
             WHERE p.run = r.run AND p.actor GLOB 'vcpu*' AND p.account IN ('os.idle', 'host.parked')) AS idle_ps,
           (SELECT group_concat(k.path || '=' || k.value, ' ') FROM knob_own k -- which has all that workloads bring
             WHERE k.run = r.run AND k.path GLOB 'workload.*') AS work
      FROM run r),
  beside AS (
    SELECT w.*, (SELECT max(n.run) FROM w n
                  WHERE n.machine GLOB '*_native' AND n.workload = w.workload AND n.input_hash = w.input_hash AND
                        n.seed = w.seed AND n.work IS w.work AND
                        substr(w.machine, 1, length(n.machine) - 6) = substr(n.machine, 1, length(n.machine) - 6)) AS native
      FROM w)
  SELECT b.run, b.instructions * 1e6 / nullif((b.line_ps - b.idle_ps) * b.mhz, 0) AS ipc,
         1 - b.idle_ps / nullif(b.line_ps, 0) AS utilization,
         b.native AS native_run,
         100.0 * (SELECT n.ps FROM w n WHERE n.run = b.native) / nullif(b.ps, 0) AS percent_of_native
    FROM beside b;
