-- Which attention kernel ran at each site of each variant, and where it was not flash, why.
-- sqlite3 summary.db < sql/reports/attention.sql
.headers on
.mode column
SELECT device, tag, site, site_dtype AS "dtype of q", backend, op, q_len, k_len, head_dim, calls, reason
FROM attention_proof;
