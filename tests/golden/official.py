"""The official SAM 2 video predictor run on a sequence, in IEEE float32: the other side of beside_upstream.py.

Gives what it keeps of each frame in the columns of a golden case file (README.md). The checkout of the official code is
on sys.path, and tests/bench/upstream.py, which builds the predictor.
"""
import os
import tempfile

import numpy as np
import torch
import upstream

KEPT = ("pred_masks", "object_score_logits", "obj_ptr", "maskmem_features")


class Official:
    """The predictor of one model with the weights of an official checkpoint."""

    def __init__(self, repo, model, checkpoint, image_size, device, threads):
        torch.set_num_threads(threads)
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        self.predictor = upstream.build(repo, model, image_size)
        self.predictor.load_state_dict(torch.load(checkpoint, map_location="cpu", weights_only=True)["model"], strict=True)
        self.predictor.to(device)
        import sam2.sam2_video_predictor
        import sam2.utils.misc

        sam2.utils.misc.tqdm = sam2.sam2_video_predictor.tqdm = lambda x, **k: x

    def prompt(self, state, obj_id, sequence, kind):
        if kind == "mask":
            self.predictor.add_new_mask(state, sequence.prompt_frame, obj_id, torch.from_numpy(sequence.mask))
        else:
            self.predictor.add_new_points_or_box(state, sequence.prompt_frame, obj_id, points=np.array([sequence.center()], np.float32),
                                                 labels=np.array([1], np.int32))

    def track(self, sequence, prompts, low_step):
        """{prompt: {column: rows}}; the prompts are objects of one state, which the predictor runs one by one."""
        with tempfile.TemporaryDirectory() as clip, torch.inference_mode():
            for i, name in enumerate(sequence.jpegs):
                os.symlink(os.path.abspath(os.path.join(sequence.frames, name)), os.path.join(clip, f"{i:05d}.jpg"))
            state = self.predictor.init_state(clip)
            for i, p in enumerate(prompts):
                self.prompt(state, i + 1, sequence, p)
            rows = {p: [] for p in prompts}
            for t, _, video in self.predictor.propagate_in_video(state):
                for i, p in enumerate(prompts):
                    stored = state["output_dict_per_obj"][i]
                    out = stored["cond_frame_outputs"].get(t) or stored["non_cond_frame_outputs"][t]
                    rows[p].append(columns({k: out[k].float().cpu().numpy() for k in KEPT}, t, video[i, 0], low_step))
        return {p: {k: np.stack([r[k] for r in of]) for k in of[0]} for p, of in rows.items()}


def columns(out, t, video_logits, low_step):
    memory = out["maskmem_features"].ravel()
    return {"frames": np.int32(t), "low_sub": out["pred_masks"][0, 0, ::low_step, ::low_step],
            "mask_packed": np.packbits((video_logits > 0).cpu().numpy(), axis=-1),
            "object_score_logits": out["object_score_logits"].ravel()[0], "obj_ptr": out["obj_ptr"][0],
            "mem_sub": memory[np.arange(128) * memory.size // 128]}
