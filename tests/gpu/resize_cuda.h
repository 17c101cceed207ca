/* A plain bilinear resize on the device, as masks are brought to video size: what hole filling is timed beside. */
#ifndef VB_RESIZE_CUDA_H
#define VB_RESIZE_CUDA_H

#ifdef __cplusplus
extern "C" {
#endif

/* in_dev [n, h, w] to out_dev [n, out_h, out_w], queued on the default stream; half-pixel centres. */
void resize_queue(float *out_dev, int out_h, int out_w, const float *in_dev, int n, int h, int w);

#ifdef __cplusplus
}
#endif
#endif
