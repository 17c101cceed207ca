# Man page, completion, the engine's sources for `savbench build-engine`, and the Debian package.
#   cmake --preset package && cmake --build --preset package --target package
set(VB_RUN $<TARGET_FILE:savbench>)
if(CMAKE_CROSSCOMPILING AND CMAKE_CROSSCOMPILING_EMULATOR)
  # The page is of the programs' own words: each is started by a script that runs it under the emulator.
  set(VB_RUN ${CMAKE_BINARY_DIR}/emulated/savbench)
  list(JOIN CMAKE_CROSSCOMPILING_EMULATOR "\" \"" emulator)
  foreach(name savbench savbench-engine)
    file(CONFIGURE OUTPUT emulated/${name} @ONLY CONTENT "#!/bin/sh
export SAVBENCH_ENGINE=\"@CMAKE_BINARY_DIR@/emulated/savbench-engine\"
exec \"@emulator@\" \"@CMAKE_BINARY_DIR@/@name@\" \"$@\"
")
    file(CHMOD ${CMAKE_BINARY_DIR}/emulated/${name} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  endforeach()
endif()
if(NOT CMAKE_CROSSCOMPILING OR CMAKE_CROSSCOMPILING_EMULATOR)
  add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/savbench.1 ${CMAKE_BINARY_DIR}/savbench.bash
    COMMAND sh ${CMAKE_SOURCE_DIR}/docs/manpage.sh ${VB_RUN} ${PROJECT_VERSION} > ${CMAKE_BINARY_DIR}/savbench.1
    COMMAND ${VB_RUN} completion bash > ${CMAKE_BINARY_DIR}/savbench.bash
    DEPENDS savbench savbench-engine ${CMAKE_SOURCE_DIR}/docs/manpage.sh ${CMAKE_SOURCE_DIR}/scripts/build_engine.sh VERBATIM)
  add_custom_target(vb_manpage ALL DEPENDS ${CMAKE_BINARY_DIR}/savbench.1 ${CMAKE_BINARY_DIR}/savbench.bash)
  install(FILES ${CMAKE_BINARY_DIR}/savbench.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${CMAKE_BINARY_DIR}/savbench.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME savbench)
endif()
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
install(DIRECTORY slurm DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench)

if(VB_ENGINE_APART)
  install(PROGRAMS scripts/build_engine.sh DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench)
  install(FILES CMakeLists.txt CMakePresets.json README.md METRICS.md LICENSE ${CMAKE_BINARY_DIR}/src/REVISION DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench/source)
  install(DIRECTORY cmake src results sched workers sql docs slurm scripts DESTINATION ${CMAKE_INSTALL_DATADIR}/savbench/source)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME savbench)
set(CPACK_PACKAGE_VENDOR savbench)
set(CPACK_PACKAGE_CONTACT "savbench maintainers <savbench@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Benchmark of video segmentation models on SA-V, over dtypes and devices")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
if(CMAKE_CROSSCOMPILING) # the sysroot's dpkg database, which scripts/aarch64.sh names, tells whose these libraries are
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE arm64)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${VB_ARM_LIB} ${VB_ARM_LIB}/hdf5/serial ${VB_ARM_LIB}/openmpi/lib)
endif()
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openmpi-bin")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "rsync, openssh-client")
# What build-engine compiles with, and the torch wheel that it compiles against.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, ninja-build, g++, pkg-config, libopenmpi-dev, libhdf5-dev, libsqlite3-dev, libturbojpeg0-dev, libpng-dev, libjansson-dev, libssl-dev, sqlite3")
set(CPACK_STRIP_FILES ON)
include(CPack)
