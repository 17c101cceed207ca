CREATE VIEW record AS SELECT video, tag, repetition, status FROM trial JOIN video USING (video_id) JOIN variant USING (variant_id);
