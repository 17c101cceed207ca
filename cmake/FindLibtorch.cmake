# libtorch from an installed `torch` wheel: target Libtorch::torch, variables LIBTORCH_VERSION, LIBTORCH_CUDA.
#
# Not torch's own TorchConfig.cmake: with a CUDA wheel that one needs the whole CUDA toolkit of the wheel's
# version even to link programs without CUDA code.
#   VB_PYTHON   the Python that has torch (default: the one on PATH)
set(VB_PYTHON "" CACHE FILEPATH "Python interpreter whose torch is used")
if(NOT VB_PYTHON)
  find_program(VB_PYTHON_FOUND NAMES python3)
else()
  set(VB_PYTHON_FOUND ${VB_PYTHON})
endif()
# torch/version.py and the files tell all, without importing torch (an import needs NumPy and minutes on a Jetson).
execute_process(
  COMMAND ${VB_PYTHON_FOUND} -c "import importlib.util,os
s=importlib.util.find_spec('torch')
d=os.path.dirname(s.origin)
v={}
exec(open(os.path.join(d,'version.py')).read(),v)
print(d,v['__version__'],v.get('cuda') or '-',sep=';',end='')"
  OUTPUT_VARIABLE LIBTORCH_FACTS ERROR_QUIET RESULT_VARIABLE LIBTORCH_RC)
if(LIBTORCH_RC EQUAL 0)
  list(GET LIBTORCH_FACTS 0 LIBTORCH_DIR)
  list(GET LIBTORCH_FACTS 1 LIBTORCH_VERSION)
  list(GET LIBTORCH_FACTS 2 LIBTORCH_CUDA)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libtorch REQUIRED_VARS LIBTORCH_DIR VERSION_VAR LIBTORCH_VERSION
  REASON_FAILURE_MESSAGE "no Python with the torch wheel: pip install torch, or pass -DVB_PYTHON=/path/to/venv/bin/python, or -DVB_TORCH=OFF for the stub model alone")
if(Libtorch_FOUND AND NOT TARGET Libtorch::torch)
  # The C++ ABI of the wheel (before 2.7 mostly the old one), read from its own CMake file.
  set(LIBTORCH_ABI 1)
  if(EXISTS ${LIBTORCH_DIR}/share/cmake/Torch/TorchConfig.cmake)
    file(STRINGS ${LIBTORCH_DIR}/share/cmake/Torch/TorchConfig.cmake LIBTORCH_ABI_LINE REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
    if(LIBTORCH_ABI_LINE MATCHES "_GLIBCXX_USE_CXX11_ABI=0")
      set(LIBTORCH_ABI 0)
    endif()
  endif()
  add_library(Libtorch::torch INTERFACE IMPORTED)
  target_include_directories(Libtorch::torch SYSTEM INTERFACE
    ${LIBTORCH_DIR}/include ${LIBTORCH_DIR}/include/torch/csrc/api/include)
  target_compile_definitions(Libtorch::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=${LIBTORCH_ABI})
  set(LIBTORCH_LIBS ${LIBTORCH_DIR}/lib/libc10.so ${LIBTORCH_DIR}/lib/libtorch_cpu.so)
  if(LIBTORCH_CUDA STREQUAL "-")
    set(LIBTORCH_HAS_CUDA OFF)
  else()
    set(LIBTORCH_HAS_CUDA ON)
    # CUDA's headers: a toolkit's, else those that triton brings along (the wheel's own runtime package is not whole).
    get_filename_component(LIBTORCH_SITE ${LIBTORCH_DIR} DIRECTORY)
    string(REGEX MATCH "^[0-9]+" LIBTORCH_CUDA_MAJOR ${LIBTORCH_CUDA})
    file(GLOB LIBTORCH_CUDA_HINTS /usr/local/cuda-${LIBTORCH_CUDA_MAJOR}*/include)
    find_path(LIBTORCH_CUDA_INCLUDE crt/host_config.h HINTS ENV CUDA_HOME ${LIBTORCH_CUDA_HINTS} /usr/local/cuda/include
      /usr/local/cuda/targets/aarch64-linux/include ${LIBTORCH_SITE}/triton/backends/nvidia/include PATH_SUFFIXES include)
    file(GLOB LIBTORCH_CUDA_MORE ${LIBTORCH_SITE}/nvidia/*/include) # cuBLAS and others, a folder each before CUDA 13
    # Kernels register when the library loads: keep it though no symbol of it may be used.
    if(NOT VB_CUDA STREQUAL "OFF")
      list(APPEND LIBTORCH_LIBS -Wl,--no-as-needed ${LIBTORCH_DIR}/lib/libc10_cuda.so ${LIBTORCH_DIR}/lib/libtorch_cuda.so -Wl,--as-needed)
    endif()
  endif()
  # VB_HAVE_CUDA: the model layer's own few calls of the CUDA runtime (events, peaks of the allocator) are compiled.
  if(LIBTORCH_HAS_CUDA AND NOT VB_CUDA STREQUAL "OFF")
    # by file: the wheels bring the library under its versioned name alone
    file(GLOB LIBTORCH_CUDART ${LIBTORCH_SITE}/nvidia/cu*/lib/libcudart.so* ${LIBTORCH_SITE}/nvidia/cuda_runtime/lib/libcudart.so*
      ${LIBTORCH_CUDA_INCLUDE}/../lib64/libcudart.so ${LIBTORCH_CUDA_INCLUDE}/../lib/libcudart.so)
    if(LIBTORCH_CUDA_INCLUDE AND LIBTORCH_CUDART)
      list(GET LIBTORCH_CUDART 0 LIBTORCH_CUDART)
      # The wheels' own first where triton lends the rest: its headers are of an older CUDA.
      if(LIBTORCH_CUDA_INCLUDE MATCHES "/triton/")
        target_include_directories(Libtorch::torch SYSTEM INTERFACE ${LIBTORCH_CUDA_MORE})
      endif()
      target_include_directories(Libtorch::torch SYSTEM INTERFACE ${LIBTORCH_CUDA_INCLUDE} ${LIBTORCH_CUDA_MORE})
      target_compile_definitions(Libtorch::torch INTERFACE VB_HAVE_CUDA=1)
      # <nv/target>, which CUDA's headers include and the wheels do not bring: last, so that a toolkit's own is taken
      target_compile_options(Libtorch::torch INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-idirafter${CMAKE_CURRENT_LIST_DIR}/host_only>")
      list(APPEND LIBTORCH_LIBS ${LIBTORCH_CUDART})
      set(LIBTORCH_CUDA_READY ON)
      # cuBLASLt, which torch loads anyway; LIBTORCH_CUBLASLT is empty where its header or its file lacks
      find_path(LIBTORCH_CUBLASLT_INCLUDE cublasLt.h HINTS ${LIBTORCH_CUDA_INCLUDE} ${LIBTORCH_CUDA_MORE})
      file(GLOB LIBTORCH_CUBLASLT ${LIBTORCH_SITE}/nvidia/cu*/lib/libcublasLt.so* ${LIBTORCH_SITE}/nvidia/cublas/lib/libcublasLt.so*
        ${LIBTORCH_CUDA_INCLUDE}/../lib64/libcublasLt.so ${LIBTORCH_CUDA_INCLUDE}/../lib/libcublasLt.so)
      if(LIBTORCH_CUBLASLT_INCLUDE AND LIBTORCH_CUBLASLT)
        list(GET LIBTORCH_CUBLASLT 0 LIBTORCH_CUBLASLT)
        list(APPEND LIBTORCH_LIBS ${LIBTORCH_CUBLASLT})
      else()
        set(LIBTORCH_CUBLASLT)
      endif()
    elseif(VB_CUDA STREQUAL "ON")
      message(FATAL_ERROR "VB_CUDA=ON: no CUDA headers and runtime for torch ${LIBTORCH_VERSION}; set CUDA_HOME to a CUDA ${LIBTORCH_CUDA} toolkit")
    else()
      message(STATUS "torch ${LIBTORCH_VERSION}: no CUDA headers or runtime found (set CUDA_HOME); the models run on the CPU")
    endif()
  elseif(VB_CUDA STREQUAL "ON")
    message(FATAL_ERROR "VB_CUDA=ON, but torch ${LIBTORCH_VERSION} at ${LIBTORCH_DIR} is a build without CUDA")
  endif()
  target_link_libraries(Libtorch::torch INTERFACE ${LIBTORCH_LIBS})
  target_link_options(Libtorch::torch INTERFACE -Wl,--allow-shlib-undefined -Wl,-rpath,${LIBTORCH_DIR}/lib)
endif()
