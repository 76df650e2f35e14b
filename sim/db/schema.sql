-- SPDX-License-Identifier: MIT
-- The results database of virtsim. One file, many runs; a run is written in one transaction, so a
-- killed process leaves whole runs only. Keys are text: the same strings as in code and docs.
-- New things are new rows, never new columns. Times are integer picoseconds unless a name says else.
PRAGMA user_version = 10;

-- One simulation. Everything here follows from its inputs: same inputs, same row.
CREATE TABLE run (
  run           INTEGER PRIMARY KEY,            -- in the order of points of a sweep
  command       TEXT NOT NULL,                  -- run | replay
  workload      TEXT NOT NULL,                  -- name of the workload or trace file
  input_hash    TEXT NOT NULL,                  -- xxh64:... of the script or of the trace bytes read; several: joined by +
  trace_format  TEXT NOT NULL DEFAULT '',       -- lackey | champsim | ... ; '' for a script
  machine       TEXT NOT NULL,                  -- machine description
  seed          INTEGER NOT NULL,
  roi_ps        INTEGER NOT NULL,               -- when the region of interest began
  end_ps        INTEGER NOT NULL,               -- when the last agent ended
  point         TEXT NOT NULL DEFAULT ''        -- "path=value ..." varied by a sweep
) STRICT;

-- How, when and by what a run was made. The only table that differs between equal runs.
CREATE TABLE provenance (
  run         INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  key         TEXT NOT NULL,                    -- version, commit, dirty, argv, input, host, started, wall_s, cpu_s, peak_kib, jobs, metrics, elf; of a sweep's point: point, build, sweep.NAME/INDEX, manifest.NAME
  value       TEXT NOT NULL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

-- What else shaped the run: options of the request that are no knobs. What was not asked for has no row.
CREATE TABLE run_option (
  run     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  option  TEXT NOT NULL,                        -- warmup | skip | limit | spans | epoch_ps | roi | record | shares | tables | ...
  value   TEXT NOT NULL,
  PRIMARY KEY (run, option)
) STRICT, WITHOUT ROWID;

-- What the program declares of the knobs of a machine: a dictionary, named by the hash of what it says. Runs whose
-- machines have the same knobs by the same declarations share one; another build's may be another one.
CREATE TABLE knob_declared (
  dictionary  INTEGER NOT NULL,
  path        TEXT NOT NULL,
  value       TEXT NOT NULL,
  unit        TEXT NOT NULL,
  source      TEXT NOT NULL,
  evidence    TEXT NOT NULL CHECK (evidence = 'assumed' OR evidence = 'documented' OR evidence = 'measured' OR evidence = 'derived'), -- the frequent first; IN makes a table a row
  PRIMARY KEY (dictionary, path)
) STRICT, WITHOUT ROWID;

-- The dictionary of a run's knobs. A run of a database that was upgraded has none: all its knobs are in knob_own.
CREATE TABLE run_dictionary (
  run         INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,
  dictionary  INTEGER NOT NULL
) STRICT;

-- Knobs of a run that are not as its dictionary has them: somebody set them, or its workload brought them.
CREATE TABLE knob_own (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  path      TEXT NOT NULL,
  value     TEXT NOT NULL,
  unit      TEXT NOT NULL,
  source    TEXT NOT NULL,
  evidence  TEXT NOT NULL CHECK (evidence = 'assumed' OR evidence = 'documented' OR evidence = 'measured' OR evidence = 'derived'),
  set_by    TEXT NOT NULL,                      -- default | machine NAME | defaults (the workload) | file:line | recording | --set | --vary | results/experiments.csv
  PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;

-- The effective configuration: every knob of a run, who set it, and what its value rests on. Columns of both halves have
-- one affinity: SQLite then looks a run's knob up, and makes no table of them all first.
CREATE VIEW knob AS
  SELECT run, path, value, unit, source, evidence, set_by FROM knob_own
  UNION ALL
  SELECT r.run, d.path, d.value, d.unit, d.source, d.evidence, CAST('default' AS TEXT)
    FROM run_dictionary r CROSS JOIN knob_declared d ON d.dictionary = r.dictionary
   WHERE NOT EXISTS (SELECT 1 FROM knob_own o WHERE o.run = r.run AND o.path = d.path);

-- Knobs whose sum a source fixes while the split over them is assumed: one row a member. A group one
-- of whose knobs was set to something else has no rows: its sum is not what was measured.
CREATE TABLE evidence_group (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name      TEXT NOT NULL,
  path      TEXT NOT NULL,                      -- a knob
  source    TEXT NOT NULL,                      -- of the sum
  evidence  TEXT NOT NULL CHECK (evidence = 'measured' OR evidence = 'derived' OR evidence = 'documented'), -- of the sum
  PRIMARY KEY (run, name, path)
) STRICT, WITHOUT ROWID;

-- What the run's machine and the architecture of its processors have: counted in the code that simulates them, never
-- typed in a second time (virtsim list facts).
CREATE TABLE fact (
  run     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  name    TEXT NOT NULL,                        -- vmx.instructions | svm.vmcb.areas | paging.stage2.levels | ...
  value   INTEGER NOT NULL,
  unit    TEXT NOT NULL,
  whose   TEXT NOT NULL,                        -- an architecture, as its manual calls it: VMX | SVM | EL2 | ... | machine
  source  TEXT NOT NULL,                        -- what it was counted in, and the manual that says so
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

-- What a trace of exits recorded: one row a vCPU, reason and operation. Times are the trace's own and
-- nothing is computed from them; what the simulated exits took is in op.
CREATE TABLE recorded_exit (
  run          INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor        TEXT NOT NULL,                   -- whose operations these exits are here
  thread       INTEGER NOT NULL,                -- of the trace, -1: it has none
  vcpu         INTEGER NOT NULL,                -- its number in the trace, -1: it has none
  reason       TEXT NOT NULL,                   -- as KVM names it
  op           TEXT NOT NULL,                   -- '': not simulated
  n            INTEGER NOT NULL,
  pairs        INTEGER NOT NULL,                -- of them with a measured time: an entry follows
  total_ps     INTEGER NOT NULL,                -- of the pairs, exit to entry
  min_ps       INTEGER NOT NULL,
  max_ps       INTEGER NOT NULL,
  PRIMARY KEY (run, actor, reason, op)
) STRICT, WITHOUT ROWID;

-- Operations of one kind by one actor: how many, how long.
CREATE TABLE op (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor     TEXT NOT NULL,
  op        TEXT NOT NULL,
  n         INTEGER NOT NULL,
  total_ps  INTEGER NOT NULL,
  min_ps    INTEGER NOT NULL,
  max_ps    INTEGER NOT NULL,
  p50_ps    INTEGER NOT NULL,                   -- within 1 %
  p90_ps    INTEGER NOT NULL,
  p99_ps    INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op)
) STRICT, WITHOUT ROWID;

-- An operation's own parts. kind: work (done by it) or exposed (waited for somebody's work).
CREATE TABLE part (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor     TEXT NOT NULL,
  op        TEXT NOT NULL,
  account   TEXT NOT NULL,
  kind      TEXT NOT NULL CHECK (kind = 'work' OR kind = 'exposed'),
  n         INTEGER NOT NULL,
  total_ps  INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op, account, kind)
) STRICT, WITHOUT ROWID;

-- Operations that ran inside an operation. op total = sum of part + sum of child.
CREATE TABLE child (
  run          INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor        TEXT NOT NULL,
  op           TEXT NOT NULL,
  child_actor  TEXT NOT NULL,
  child        TEXT NOT NULL,
  n            INTEGER NOT NULL,
  total_ps     INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op, child_actor, child)
) STRICT, WITHOUT ROWID;

CREATE TABLE counter (
  run    INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor  TEXT NOT NULL,
  name   TEXT NOT NULL,
  value  INTEGER NOT NULL,
  unit   TEXT NOT NULL,
  PRIMARY KEY (run, actor, name)
) STRICT, WITHOUT ROWID;

-- Durations of an operation, log buckets of at most 1 % width; only buckets in use.
CREATE TABLE histogram (
  run     INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor   TEXT NOT NULL,
  op      TEXT NOT NULL,
  low_ps  INTEGER NOT NULL,                     -- smallest duration of the bucket
  n       INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op, low_ps)
) STRICT, WITHOUT ROWID;

-- Counters over simulated time, when asked: their growth within one epoch.
CREATE TABLE epoch (
  run      INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  epoch    INTEGER NOT NULL,
  end_ps   INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  name     TEXT NOT NULL,
  value    INTEGER NOT NULL,
  PRIMARY KEY (run, epoch, actor, name)
) STRICT, WITHOUT ROWID;

-- Sampled operations: the first ones of a kind and a seeded reservoir of later ones.
CREATE TABLE span (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor     TEXT NOT NULL,
  op        TEXT NOT NULL,
  ordinal   INTEGER NOT NULL,                   -- the how-manieth of its kind
  start_ps  INTEGER NOT NULL,
  total_ps  INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE charge (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor     TEXT NOT NULL,
  op        TEXT NOT NULL,
  ordinal   INTEGER NOT NULL,
  seq       INTEGER NOT NULL,
  account   TEXT NOT NULL,
  start_ps  INTEGER NOT NULL,
  ps        INTEGER NOT NULL,
  PRIMARY KEY (run, actor, op, ordinal, seq)
) STRICT, WITHOUT ROWID;

-- What a sampled operation says of itself besides its time, as its manual calls it: of an exit, EXITCODE and EXITINFO1,
-- ESR_EL2 and HPFAR_EL2, exit reason and qualification.
CREATE TABLE note (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  actor     TEXT NOT NULL,
  op        TEXT NOT NULL,
  ordinal   INTEGER NOT NULL,                   -- of the span
  seq       INTEGER NOT NULL,
  name      TEXT NOT NULL,
  value     TEXT NOT NULL,                      -- 0x..., 64 bits
  meaning   TEXT NOT NULL,                      -- in words; '' nothing more
  PRIMARY KEY (run, actor, op, ordinal, seq)
) STRICT, WITHOUT ROWID;

-- Where in the program time went, when asked (--where): for each kind the rows of an item add up to its op or part.
-- Places that were too many are one row, 'other'; then lacks_ps says what a place of that kind can lack of the item at most.
CREATE TABLE site (
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  kind      TEXT NOT NULL CHECK (kind IN ('page','region','ip')),
  space     TEXT NOT NULL,                      -- whose addresses: vcpu0, vcpu0/process1; '' nobody's
  place     TEXT NOT NULL,                      -- 0x... of the 4 KiB page or the instruction | 0x...-0x... | none | other
  actor     TEXT NOT NULL,
  item      TEXT NOT NULL,                      -- an operation, or an account of DRAM (all operations together)
  n         INTEGER NOT NULL,                   -- a time line's one operation is in 'none'
  total_ps  INTEGER NOT NULL,
  lacks_ps  INTEGER NOT NULL,
  PRIMARY KEY (run, kind, space, place, actor, item)
) STRICT, WITHOUT ROWID;

-- Misses of a structure at other sizes than the run's own (virtsim curve). Of one pass: they stay the same up to the
-- next number of ways that has a row.
CREATE TABLE curve (
  run        INTEGER NOT NULL REFERENCES run ON DELETE CASCADE, -- on the machine as it is configured
  structure  TEXT NOT NULL,                     -- ept.l2_tlb | memory.l2 | ...
  sets       INTEGER NOT NULL,                  -- 1 = fully associative
  ways       INTEGER NOT NULL,
  entries    INTEGER NOT NULL,
  hits       INTEGER NOT NULL,
  misses     INTEGER NOT NULL,
  method     TEXT NOT NULL CHECK (method IN ('one pass','run')),
  PRIMARY KEY (run, structure, sets, ways)
) STRICT, WITHOUT ROWID;

-- Numbers of the two documents (results/documents.csv) and of the literature (results/literature.csv).
CREATE TABLE claim (
  claim_id   TEXT PRIMARY KEY,
  document   TEXT NOT NULL,
  subject    TEXT NOT NULL,
  metric     TEXT NOT NULL,
  condition  TEXT NOT NULL,
  low        REAL,
  high       REAL,
  unit       TEXT NOT NULL,
  relation   TEXT NOT NULL,
  domain     TEXT NOT NULL,
  contradicts TEXT NOT NULL DEFAULT '',
  note       TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE literature (
  id        TEXT PRIMARY KEY,
  area      TEXT NOT NULL,
  platform  TEXT NOT NULL,
  config    TEXT NOT NULL,
  metric    TEXT NOT NULL,
  low       REAL,
  high      REAL,
  unit      TEXT NOT NULL,
  source    TEXT NOT NULL,
  use       TEXT NOT NULL                       -- calibrate | validate
) STRICT, WITHOUT ROWID;

-- What `compare` found: one row an experiment.
CREATE TABLE comparison (
  claim_id  TEXT NOT NULL,
  run       INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,
  base_run  INTEGER NOT NULL DEFAULT 0,         -- the native twin of a ratio; 0 = none
  value     REAL,
  unit      TEXT NOT NULL,
  basis     TEXT NOT NULL CHECK (basis IN ('calibrated','predicted','structure')),
  assumed_share REAL NOT NULL,                  -- of the quantity's operations, 0..1
  verdict   TEXT NOT NULL,                      -- calibrated | within 10 % | in range | outside | structure | illustrative | no number
  reason    TEXT NOT NULL,
  PRIMARY KEY (claim_id, run)
) STRICT, WITHOUT ROWID;

-- Other names of operations: neutral ones, and those of other manuals. Several rows: the name stands for several.
CREATE TABLE op_alias (
  alias  TEXT NOT NULL,
  op     TEXT NOT NULL,
  PRIMARY KEY (alias, op)
) STRICT, WITHOUT ROWID;

-- Parts and children of an operation in one list, with their shares.
CREATE VIEW breakdown AS
  SELECT p.run, p.actor, p.op, p.account AS item, p.kind, p.n, p.total_ps,
         1.0 * p.total_ps / nullif(o.total_ps, 0) AS share, 1.0 * p.total_ps / nullif(o.n, 0) AS ps_each
    FROM part p JOIN op o USING (run, actor, op)
  UNION ALL
  SELECT c.run, c.actor, c.op, c.child_actor || ' ' || c.child, 'child', c.n, c.total_ps,
         1.0 * c.total_ps / nullif(o.total_ps, 0), 1.0 * c.total_ps / nullif(o.n, 0)
    FROM child c JOIN op o USING (run, actor, op);

CREATE VIEW exit_breakdown AS SELECT * FROM breakdown WHERE op LIKE 'exit.%' OR op LIKE 'handler.%';
CREATE VIEW walk_breakdown AS SELECT * FROM breakdown WHERE op = 'walk';
CREATE VIEW io_breakdown AS
  SELECT * FROM breakdown WHERE op LIKE 'dma.%' OR op LIKE 'packet.%' OR op LIKE 'iommu.%' OR op LIKE 'mmio.%' OR op = 'irq';

-- Where a vCPU's time went, account by account: every charge on its line, whoever made it. Sums to the line's length.
-- On the line is what the line holds as a child, its children, and so on: an interrupt's delivery runs beside it.
-- What ended inside an operation dropped at the region of interest is listed itself and taken out of sim.cut.
CREATE VIEW vcpu_time AS
  WITH RECURSIVE on_line (run, vcpu, actor, op) AS (
    SELECT run, actor, actor, op FROM op WHERE op = 'timeline' AND actor LIKE 'vcpu%' AND actor NOT LIKE '%/%'
    UNION
    SELECT c.run, l.vcpu, c.child_actor, c.child
      FROM on_line l JOIN child c ON c.run = l.run AND c.actor = l.actor AND c.op = l.op),
  booked (run, vcpu, who, op, account, n, total_ps) AS (
    SELECT l.run, l.vcpu, CASE WHEN l.actor = l.vcpu THEN 'line' ELSE substr(l.actor, length(l.vcpu) + 2) END,
           l.op, p.account, p.n, p.total_ps
      FROM on_line l JOIN part p ON p.run = l.run AND p.actor = l.actor AND p.op = l.op
    UNION ALL
    SELECT l.run, l.vcpu, 'line', 'timeline', 'sim.cut', 0,
           (SELECT total(c.total_ps) FROM child c WHERE c.run = l.run AND c.child_actor = l.actor AND c.child = l.op)
           - o.total_ps
      FROM on_line l JOIN op o ON o.run = l.run AND o.actor = l.actor AND o.op = l.op
     WHERE l.op <> 'timeline')
  SELECT b.run, b.vcpu, b.who, b.op, b.account, sum(b.n) AS n, CAST(sum(b.total_ps) AS INTEGER) AS total_ps,
         1.0 * sum(b.total_ps) / nullif(t.total_ps, 0) AS share
    FROM booked b JOIN op t ON t.run = b.run AND t.actor = b.vcpu AND t.op = 'timeline'
   GROUP BY b.run, b.vcpu, b.who, b.op, b.account
  HAVING sum(b.total_ps) <> 0 OR sum(b.n) <> 0;

CREATE VIEW comparison_summary AS
  SELECT basis, verdict, count(*) AS n FROM comparison GROUP BY basis, verdict;

-- Always empty: operations whose total is not parts + children, and time lines that do not reach their end.
CREATE VIEW unbalanced AS
  SELECT o.run, o.actor, o.op, o.total_ps, coalesce(p.ps, 0) + coalesce(c.ps, 0) AS parts_ps
    FROM op o
    LEFT JOIN (SELECT run, actor, op, sum(total_ps) AS ps FROM part GROUP BY run, actor, op) p USING (run, actor, op)
    LEFT JOIN (SELECT run, actor, op, sum(total_ps) AS ps FROM child GROUP BY run, actor, op) c USING (run, actor, op)
   WHERE o.total_ps <> coalesce(p.ps, 0) + coalesce(c.ps, 0)
  UNION ALL
  SELECT o.run, o.actor, 'timeline', o.total_ps, k.value
    FROM op o JOIN counter k ON k.run = o.run AND k.actor = o.actor AND k.name = 'sim.line'
   WHERE o.op = 'timeline' AND o.total_ps <> k.value;
